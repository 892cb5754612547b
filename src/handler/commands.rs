/// Answers the commands that the settings declare.
pub struct Commands;
