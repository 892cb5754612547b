//! The page `examples/bots/README.md`, word by word: a usual polling bot, in which the lines of *before* are replaced by those
//! of *after*, answers behind Doorbell.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::behind_doorbell::BehindDoorbell;
use super::installed::{Installed, Language};

/// A bot as a tutorial of its framework shows it, without its first and its last line.
struct Tutorial {
    /// The heading of the framework on the page.
    heading: &'static str,
    imports: &'static str,
    handlers: &'static str,
}

fn tutorial(folder: &str) -> Tutorial {
    let (heading, imports, handlers) = match folder {
        "aiogram" => (
            "aiogram",
            "import asyncio\nfrom aiogram import Bot, Dispatcher\nTOKEN = '1:a'\n",
            "dispatcher = Dispatcher()\n@dispatcher.message()\nasync def hello(message):\n    await message.answer('Hello')\n",
        ),
        "python-telegram-bot" => (
            "python-telegram-bot",
            "from telegram.ext import Application, MessageHandler, filters\nTOKEN = '1:a'\n",
            "async def hello(update, context):\n    await update.message.reply_text('Hello')\n\
             application.add_handler(MessageHandler(filters.TEXT, hello))\n",
        ),
        "pytelegrambotapi" => (
            "pyTelegramBotAPI",
            "from telebot import TeleBot\nTOKEN = '1:a'\n",
            "@bot.message_handler()\ndef hello(message):\n    bot.send_message(message.chat.id, 'Hello')\n",
        ),
        "grammy" => (
            "grammY",
            "import { Bot } from 'grammy';\nconst TOKEN = '1:a';\n",
            "bot.on('message', (ctx) => ctx.reply('Hello'));\n",
        ),
        "telegraf" => (
            "Telegraf",
            "import { Telegraf } from 'telegraf';\nconst TOKEN = '1:a';\n",
            "bot.on('message', (ctx) => ctx.reply('Hello'));\n",
        ),
        "node-telegram-bot-api" => (
            "node-telegram-bot-api",
            "import { Bot } from 'node-telegram-bot-api';\nimport { run } from 'node-telegram-bot-api/node';\n\
             const TOKEN = '1:a';\n",
            "bot.on('message', (ctx) => ctx.reply('Hello'));\n",
        ),
        "teloxide" => (
            "teloxide",
            "use teloxide::prelude::*;\nconst TOKEN: &str = \"1:a\";\n#[tokio::main]\n\
             async fn main() -> Result<(), Box<dyn std::error::Error>> {\n",
            "let handler = |bot: Bot, message: Message| async move {\n\
             bot.send_message(message.chat.id, \"Hello\").await?;\nOk(())\n};\n",
        ),
        other => panic!("{other} has no tutorial"),
    };
    Tutorial { heading, imports, handlers }
}

impl Tutorial {
    /// The polling bot after the page was followed.
    fn migrated(&self, language: Language) -> String {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bots/README.md");
        let page = fs::read_to_string(page).expect("the page can be read");
        let section = page.split(&format!("\n## {}\n", self.heading)).nth(1).expect("the framework has a section");
        let code = section.split("```").nth(1).expect("the section has code");
        let (before, after) = code.split_once("\n\n").expect("before and after are apart");
        let before: Vec<_> = before.lines().skip(2).collect();
        let after = after.split_once('\n').expect("a comment is above the lines").1;
        let (first, last) = after.split_once("\n\n").expect("two parts");
        let polling = format!("{}{}\n{}{}\n", self.imports, before[0], self.handlers, before[1]);
        let migrated = polling.replacen(before[0], first, 1).replacen(before[1], last, 1);
        // A tutorial in Rust has a function around its lines.
        let end = if matches!(language, Language::Rust) { "Ok(())\n}\n" } else { "" };
        migrated + end
    }
}

/// Follows the page and chats with the bot.
pub(super) fn follows_the_page(folder: &str, language: Language, installed: &Installed) {
    let migrated = tutorial(folder).migrated(language);
    let root = installed.folder.path();
    let command: &[&str] = match language {
        Language::Python => {
            fs::write(root.join("migrated.py"), migrated).expect("it can be written");
            &[".venv/bin/python", "migrated.py"]
        }
        Language::JavaScript => {
            fs::write(root.join("migrated.mjs"), migrated).expect("it can be written");
            &["node", "migrated.mjs"]
        }
        Language::Rust => {
            fs::write(root.join("src/main.rs"), migrated).expect("it can be written");
            let mut build = Command::new("cargo");
            build.args(["build", "--quiet", "--target-dir", "target"]).current_dir(root);
            assert!(build.status().expect("cargo is there").success(), "the page's lines compile");
            language.command()
        }
    };
    let bot = BehindDoorbell::run(command, root);
    bot.telegram.says(1, "good day");
    assert_eq!(bot.texts(1, 1), ["Hello"]);
}
