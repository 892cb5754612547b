use tracing::{info, warn};

use super::register::{Finding, Setback, finding};
use super::{Registrar, Standing, WantedWebhook};
use crate::telegram::{Call, WebhookInfo};

impl Registrar {
    /// Looks at what Telegram has, once an interval; returns when it must be set again.
    ///
    /// `settled` is what Telegram made of our own registration; none when another service was
    /// there first. A look that fails changes nothing: what was registered stays registered.
    pub(super) async fn watch(&self, wanted: &WantedWebhook, settled: Option<&WebhookInfo>) {
        let mut told = None;
        loop {
            self.clock.sleep(self.watch_interval).await;
            match self.api.webhook_info().await {
                Ok(seen) => {
                    told = None;
                    if self.must_set_again(wanted, &seen, settled) {
                        return;
                    }
                }
                Err(error) => {
                    let setback = Setback::of(error, true);
                    let standing = setback.standing();
                    if told.as_ref() != Some(&standing) {
                        self.tell_of_blindness(&setback);
                        told = Some(standing);
                    }
                    if let Setback::After(wait) = setback {
                        self.clock.sleep(wait).await;
                    }
                }
            }
        }
    }

    fn must_set_again(&self, wanted: &WantedWebhook, seen: &WebhookInfo, settled: Option<&WebhookInfo>) -> bool {
        let standing = self.standing.borrow().clone();
        match finding(wanted, seen, settled) {
            // The other service's secret token may be there still, and cannot be seen.
            Finding::Right if matches!(standing, Standing::Superseded { .. }) => true,
            Finding::Right => {
                if !standing.is_active() {
                    self.stand(Standing::Active { host: wanted.host() });
                }
                false
            }
            Finding::Foreign { host } => {
                let superseded = Standing::Superseded { host };
                if standing != superseded {
                    self.stand(superseded);
                }
                false
            }
            Finding::Wrong(drift) => {
                warn!("The webhook is not as wanted: {drift}. Doorbell sets it again");
                true
            }
        }
    }

    fn tell_of_blindness(&self, setback: &Setback) {
        match setback {
            Setback::Slowly { .. } => self.stand(setback.standing()),
            Setback::Soon(reason) => {
                warn!("Telegram could not be asked about the webhook: {reason}. It stays as it was");
            }
            Setback::After(_) | Setback::Token(_) => {
                warn!("Telegram could not be asked about the webhook: too many requests. It stays as it was");
            }
        }
    }

    /// Makes the call that goes with a registration. A bot works without it, so it is not repeated.
    pub(super) async fn make_known(&self, announcement: &Call) {
        match self.api.perform(announcement).await {
            Ok(()) => info!(method = announcement.method, "The bot's commands are known to Telegram"),
            Err(error) => warn!(
                method = announcement.method,
                "The bot's commands could not be told to Telegram: {error}. They work all the same, but are not offered \
                 when a person types /. The next start tries again"
            ),
        }
    }
}
