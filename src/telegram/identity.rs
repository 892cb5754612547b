use std::sync::{Arc, PoisonError, RwLock};

use super::Me;

/// Who the bot is, as `getMe` last said; empty until it has been answered for the first time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Identity(Arc<RwLock<Option<Arc<Me>>>>);

impl Identity {
    /// Who the bot is, if that is known.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Me>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what `getMe` has said.
    pub fn set(&self, me: Me) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(me));
    }
}

impl From<Me> for Identity {
    fn from(me: Me) -> Self {
        let identity = Self::default();
        identity.set(me);
        identity
    }
}
