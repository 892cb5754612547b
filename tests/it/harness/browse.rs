//! Lets an inbox of a test read for the operator's pages as the inbox inside it does.

/// Implements `Browse` for a type through its field `inbox`.
macro_rules! browse_through_inbox {
    ($type:ty) => {
        #[async_trait::async_trait]
        impl doorbell::inbox::Browse for $type {
            async fn page(
                &self,
                filter: &doorbell::inbox::Filter,
                before: Option<doorbell::inbox::Cursor>,
                limit: usize,
            ) -> Result<doorbell::inbox::Page, doorbell::inbox::InboxError> {
                self.inbox.page(filter, before, limit).await
            }

            async fn find(
                &self,
                id: doorbell::update::UpdateId,
            ) -> Result<Option<doorbell::inbox::Record>, doorbell::inbox::InboxError> {
                self.inbox.find(id).await
            }

            async fn count_by_state(&self) -> Result<doorbell::inbox::StateCounts, doorbell::inbox::InboxError> {
                self.inbox.count_by_state().await
            }

            async fn held_back(
                &self,
                limit: usize,
            ) -> Result<Vec<doorbell::inbox::HeldBack>, doorbell::inbox::InboxError> {
                self.inbox.held_back(limit).await
            }

            async fn dead_by_reason(
                &self,
                limit: usize,
            ) -> Result<Vec<doorbell::inbox::DeadGroup>, doorbell::inbox::InboxError> {
                self.inbox.dead_by_reason(limit).await
            }
        }
    };
}

pub(crate) use browse_through_inbox;
