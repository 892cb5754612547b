use super::Sources;
use clap::Args;
#[derive(Args)]
pub(super) struct Arguments {}
pub(super) async fn run(_: Arguments, _: &Sources) -> anyhow::Result<u8> {
    Ok(0)
}
