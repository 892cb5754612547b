//! What to change in a bot that polls, by the library that it uses.

/// What the owner of a bot can do about polling. The library is recognized by its User-Agent.
pub(super) fn instead_of_polling(user_agent: &str) -> &'static str {
    const KNOWN: [(&str, &str); 6] = [
        (
            "aiogram/",
            "in aiogram, replace start_polling by SimpleRequestHandler and setup_application, and call set_webhook in a \
             startup hook",
        ),
        ("python-telegram-bot", "in python-telegram-bot, replace run_polling by run_webhook"),
        ("python-requests/", "in pyTelegramBotAPI, replace polling or infinity_polling by run_webhooks"),
        ("aiohttp/", "in pyTelegramBotAPI, replace polling or infinity_polling by run_webhooks"),
        (
            "node-fetch/",
            "in grammY, replace bot.start by webhookCallback and bot.api.setWebhook; in Telegraf, pass the option webhook to \
             bot.launch",
        ),
        (
            "Go-http-client/",
            "in a Go library, replace its polling by its webhook handler and call SetWebhook at the start",
        ),
    ];
    let known = KNOWN.iter().find(|(name, _)| user_agent.contains(name));
    known.map_or("start it with the webhook server of its library, and call setWebhook at its start", |(_, advice)| {
        advice
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_recognized_by_its_user_agent() {
        for (user_agent, named) in [
            ("Python/3.11 aiohttp/3.9.1 aiogram/3.31.0", "aiogram"),
            ("python-telegram-bot v22.8 (https://python-telegram-bot.org)", "run_webhook"),
            ("python-requests/2.31.0", "pyTelegramBotAPI"),
            ("Python/3.11 aiohttp/3.9.1", "pyTelegramBotAPI"),
            ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "Telegraf"),
            ("Go-http-client/1.1", "Go library"),
            ("", "the webhook server of its library"),
        ] {
            assert!(instead_of_polling(user_agent).contains(named), "{user_agent}");
        }
    }
}
