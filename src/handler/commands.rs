use std::sync::{Arc, OnceLock};

use crate::telegram::Me;

/// Who the bot is, known once `getMe` has been answered.
pub type Identity = Arc<OnceLock<Me>>;

/// Answers the commands that the settings declare.
pub struct Commands;
