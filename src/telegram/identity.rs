use std::sync::Arc;

use parking_lot::RwLock;

use super::methods::Me;

/// The bot as `getMe` last described it. It is unknown until `getMe` succeeds for the first time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Identity(Arc<RwLock<Option<Arc<Me>>>>);

impl Identity {
    /// The bot, if it is known.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Me>> {
        self.0.read().clone()
    }

    /// Stores the answer of `getMe`.
    pub fn set(&self, me: Me) {
        *self.0.write() = Some(Arc::new(me));
    }
}

impl From<Me> for Identity {
    fn from(me: Me) -> Self {
        let identity = Self::default();
        identity.set(me);
        identity
    }
}
