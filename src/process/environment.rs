use std::collections::BTreeMap;
use std::ffi::OsString;

use secrecy::{ExposeSecret, SecretString};

/// What the bot is told through its environment.
#[derive(Clone, Debug)]
pub struct BotVariables {
    /// The base URL of the gateway.
    pub api_url: String,
    /// The token with which the bot calls the gateway.
    pub stand_in: SecretString,
    /// The token of the bot at Telegram. No variable of the bot may hold it.
    pub real_token: SecretString,
    /// The secret token that the bot must expect with each update.
    pub webhook_secret: SecretString,
    /// The port on which the bot must listen.
    pub port: u16,
}

/// The address on which the bot must listen.
const HOST: &str = "127.0.0.1";

/// The hosts that are reached without a proxy, because they are this machine.
const WITHOUT_PROXY: [&str; 2] = [HOST, "localhost"];

impl BotVariables {
    /// The whole environment of the bot: what it inherits, without the real token, and what it is told.
    pub(super) fn environment(&self, inherited: &[(OsString, OsString)]) -> BTreeMap<OsString, OsString> {
        let (stand_in, real) = (self.stand_in.expose_secret(), self.real_token.expose_secret());
        let mut environment: BTreeMap<OsString, OsString> = inherited
            .iter()
            // A bot that reads its token from a variable of its own gets the stand-in there.
            .map(|(name, value)| (name.clone(), if value == real { stand_in.into() } else { value.clone() }))
            .collect();
        for name in ["NO_PROXY", "no_proxy"] {
            let list = environment.get(&OsString::from(name)).map(|list| list.to_string_lossy().into_owned());
            environment.insert(name.into(), without_proxy(list.as_deref().unwrap_or_default()).into());
        }
        for name in ["TELEGRAM_API_URL", "TELOXIDE_API_URL"] {
            environment.insert(name.into(), self.api_url.clone().into());
        }
        for name in ["BOT_TOKEN", "TELEGRAM_BOT_TOKEN", "TELOXIDE_TOKEN"] {
            environment.insert(name.into(), stand_in.into());
        }
        environment.insert("HOST".into(), HOST.into());
        environment.insert("PORT".into(), self.port.to_string().into());
        environment.insert("WEBHOOK_URL".into(), format!("http://{HOST}:{}/webhook", self.port).into());
        environment.insert("WEBHOOK_SECRET".into(), self.webhook_secret.expose_secret().into());
        environment
    }

    /// The secrets that the bot holds.
    pub(super) fn secrets(&self) -> [&SecretString; 2] {
        [&self.stand_in, &self.webhook_secret]
    }
}

/// The list with this machine in it.
fn without_proxy(list: &str) -> String {
    let listed: Vec<_> = list.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    let missing = WITHOUT_PROXY.iter().copied().filter(|host| !listed.contains(host));
    listed.iter().copied().chain(missing).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = "123456789:AAtest-REAL-0123456789-0123456789ab";

    fn environment(inherited: &[(&str, &str)]) -> BTreeMap<String, String> {
        let bot = BotVariables {
            api_url: "http://127.0.0.1:8081".to_owned(),
            stand_in: "123456789:AAtest-stand-in".into(),
            real_token: REAL.into(),
            webhook_secret: "made-for-the-bot".into(),
            port: 20_001,
        };
        let inherited: Vec<_> = inherited.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let text = |text: OsString| text.into_string().unwrap();
        bot.environment(&inherited).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn the_bot_is_told_where_the_bot_api_is_and_where_to_listen() {
        let environment = environment(&[("PATH", "/bin"), ("LANG", "C")]);
        let expected = [
            ("BOT_TOKEN", "123456789:AAtest-stand-in"),
            ("HOST", "127.0.0.1"),
            ("LANG", "C"),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("PATH", "/bin"),
            ("PORT", "20001"),
            ("TELEGRAM_API_URL", "http://127.0.0.1:8081"),
            ("TELEGRAM_BOT_TOKEN", "123456789:AAtest-stand-in"),
            ("TELOXIDE_API_URL", "http://127.0.0.1:8081"),
            ("TELOXIDE_TOKEN", "123456789:AAtest-stand-in"),
            ("WEBHOOK_SECRET", "made-for-the-bot"),
            ("WEBHOOK_URL", "http://127.0.0.1:20001/webhook"),
            ("no_proxy", "127.0.0.1,localhost"),
        ];
        let shown: Vec<_> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_variable_of_the_bot_holds_the_real_token() {
        let environment = environment(&[("MY_TOKEN", REAL), ("BOT_TOKEN", REAL), ("PORT", "10000")]);
        assert_eq!(environment["MY_TOKEN"], "123456789:AAtest-stand-in");
        assert_eq!(environment["PORT"], "20001");
        assert!(environment.values().all(|value| value != REAL));
    }

    #[test]
    fn this_machine_is_added_to_the_hosts_without_a_proxy() {
        for (before, after) in [
            ("", "127.0.0.1,localhost"),
            ("db.internal, .example.org", "db.internal,.example.org,127.0.0.1,localhost"),
            ("localhost", "localhost,127.0.0.1"),
            ("127.0.0.1,localhost", "127.0.0.1,localhost"),
            ("*", "*,127.0.0.1,localhost"),
        ] {
            assert_eq!(environment(&[("NO_PROXY", before)])["NO_PROXY"], after);
        }
    }
}
