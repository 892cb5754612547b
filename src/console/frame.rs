use crate::http::pages::Language;

/// The sections of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Updates,
    HeldBack,
    Dead,
    Webhook,
    Bot,
    Settings,
}

impl Tab {
    const ALL: [Self; 7] =
        [Self::Overview, Self::Updates, Self::HeldBack, Self::Dead, Self::Webhook, Self::Bot, Self::Settings];

    /// The path of its page.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Updates => "/console/updates",
            Self::HeldBack => "/console/held-back",
            Self::Dead => "/console/dead",
            Self::Webhook => "/console/webhook",
            Self::Bot => "/console/bot",
            Self::Settings => "/console/settings",
        }
    }

    /// Its name, which is also the title of its page.
    pub(super) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Overview => language.pick("Overview", "Обзор"),
            Self::Updates => language.pick("Updates", "Обновления"),
            Self::HeldBack => language.pick("Chats held back", "Задержанные чаты"),
            Self::Dead => language.pick("Dead letters", "Необработанные"),
            Self::Webhook => language.pick("Webhook", "Вебхук"),
            Self::Bot => language.pick("Your bot", "Ваш бот"),
            Self::Settings => language.pick("Settings", "Настройки"),
        }
    }
}

/// What surrounds the content of each page.
pub(super) struct Frame {
    /// Every link begins with it.
    pub(super) root: String,
    pub(super) language: Language,
    pub(super) tab: Tab,
    /// What to know while handling is paused.
    pub(super) paused: Option<String>,
    /// What an action has just done.
    pub(super) notice: Option<String>,
}

/// An entry of the navigation.
pub(super) struct Item {
    pub(super) link: String,
    pub(super) name: &'static str,
    pub(super) is_current: bool,
}

impl Frame {
    /// The entries of the navigation.
    pub(super) fn items(&self) -> Vec<Item> {
        let item =
            |tab: Tab| Item { link: self.link(tab.path()), name: tab.name(self.language), is_current: tab == self.tab };
        Tab::ALL.map(item).into()
    }

    /// The address of a page: `path` begins with `/console`.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }
}
