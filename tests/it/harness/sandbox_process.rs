use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use doorbell::sandbox::TOKEN;
use serde_json::Value;
use tempfile::TempDir;

use super::app::free_port;
use super::binary::{CommandOutput, Program, run, run_openly, until};
use super::http::get;

/// `doorbell sandbox` as a process, in its own empty folder.
pub struct SandboxProcess {
    pub program: Program,
    pub bot_api: SocketAddr,
    pub folder: TempDir,
}

impl SandboxProcess {
    /// Starts it and waits until its service is registered.
    pub fn start() -> Self {
        let sandbox = Self::launch(&[], &[]);
        until("the sandbox is ready", Duration::from_secs(20), || {
            (get(sandbox.program.addr, "/readyz").status == 200).then_some(())
        });
        sandbox
    }

    /// Starts it with more words on its command line and more variables, and waits until its service listens.
    pub fn launch(words: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [port, bot_api] = [free_port(), free_port()];
        let ports = [port, bot_api].map(|port| port.to_string());
        let arguments = ["sandbox", "--port", &ports[0], "--bot-api-port", &ports[1]];
        let mut command = Program::command(&[&arguments[..], words].concat());
        command.current_dir(folder.path()).envs(variables.iter().copied());
        let program = Program::spawn(command, port, &folder.path().join("log"));
        program.listens();
        Self { program, bot_api: SocketAddr::from(([127, 0, 0, 1], bot_api)), folder }
    }

    /// The base URL of the service.
    pub fn url(&self) -> String {
        format!("http://{}", self.program.addr)
    }

    /// Runs a command with the variables of the sandbox's bot, in the same folder.
    pub fn run(&self, arguments: &[&str]) -> CommandOutput {
        let variables = self.operators_variables();
        run(arguments, &variables.each_ref().map(|(name, value)| (*name, &**value)), self.folder.path())
    }

    /// Like [`Self::run`], for a command whose purpose is to print a secret.
    pub fn run_openly(&self, arguments: &[&str]) -> CommandOutput {
        let variables = self.operators_variables();
        run_openly(arguments, &variables.each_ref().map(|(name, value)| (*name, &**value)), self.folder.path())
    }

    fn operators_variables(&self) -> [(&'static str, String); 3] {
        let api_url = format!("http://{}", self.bot_api);
        [("TELEGRAM_BOT_TOKEN", TOKEN.to_owned()), ("TELEGRAM_API_URL", api_url), ("PUBLIC_URL", self.url())]
    }

    /// The JSON at a path of the control API.
    pub fn seen(&self, what: &str) -> Value {
        get(self.bot_api, &format!("/sandbox/{what}")).json()
    }

    /// Waits until the bot has written this number of messages in a chat, and returns their texts.
    pub fn replies(&self, chat: i64, count: usize) -> Vec<String> {
        until("the replies come", Duration::from_secs(20), || {
            let messages = self.seen(&format!("messages?chat={chat}"));
            let texts = messages.as_array().into_iter().flatten().filter(|message| message["bot"] == true);
            let texts: Vec<_> = texts.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect();
            (texts.len() >= count).then_some(texts)
        })
    }

    /// The files in its folder, except those of the harness.
    pub fn files(&self) -> Vec<String> {
        files(self.folder.path()).into_iter().filter(|name| name != "log").collect()
    }
}

/// The names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
