use async_trait::async_trait;
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::telegram::Call;
use doorbell::update::Update;
use futures_util::future::BoxFuture;

type Work = dyn Fn(Update) -> BoxFuture<'static, Result<Vec<Call>, HandlerError>> + Send + Sync;

/// A handler that runs a function.
pub(crate) struct HandlerFn(Box<Work>);

/// Makes a handler from a function.
pub(crate) fn handler_fn<F>(work: impl Fn(Update) -> F + Send + Sync + 'static) -> HandlerFn
where
    F: Future<Output = Result<Vec<Call>, HandlerError>> + Send + 'static,
{
    HandlerFn(Box::new(move |update| Box::pin(work(update))))
}

#[async_trait]
impl Handler for HandlerFn {
    async fn handle(&self, update: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        (self.0)(update.clone()).await
    }
}

/// The text of a message.
pub(crate) fn text(update: &Update) -> String {
    let message: serde_json::Value = update.decode().expect("a message");
    message["text"].as_str().unwrap_or_default().to_owned()
}
