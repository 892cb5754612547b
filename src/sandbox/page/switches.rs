//! What can go wrong, as switches and buttons.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as PageOf;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;

use super::PageState;
use super::forms::Form;
use super::problem::Problem;
use crate::http::pages::Language;
use crate::sandbox::handle::Sandbox;
use crate::sandbox::service_view::ServiceView;
use crate::sandbox::state::State;
use crate::sandbox::state::faults::{Fault, FaultKind};
use crate::update::UpdateId;

/// The webhook of the other service. No name server knows the host.
const OTHER_SERVICE: &str = "https://other-service.example/telegram";
/// The secret token that another program sets.
const OTHER_SECRET: &str = "changed-behind-your-back";

/// Something that can go wrong.
#[derive(Serialize)]
pub(super) struct Switch {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What happens, and what the page shows then.
    pub(super) about: &'static str,
    /// Whether it is on; none if it happens once.
    pub(super) is_on: Option<bool>,
}

/// The switches that are possible now.
pub(super) fn list(state: &State, service: &ServiceView, language: Language) -> Vec<Switch> {
    let is_elsewhere = state.webhook.as_ref().is_some_and(|webhook| webhook.request.url == OTHER_SERVICE);
    let once = |name, title, about| Switch { name, title, about, is_on: None };
    let mut switches = vec![
        once(
            "polling-copy",
            language.pick("An old copy of the bot polls", "Старая копия бота запускает опрос"),
            language.pick(
                "It deletes the webhook. The status above says so, and the service registers again by itself.",
                "Она удаляет вебхук. Об этом говорит строка состояния вверху, а сервис сам регистрируется заново.",
            ),
        ),
        Switch {
            is_on: Some(is_elsewhere),
            ..once(
                "other-service",
                language.pick("Another service takes the webhook", "Другой сервис забирает вебхук"),
                language.pick(
                    "Updates go to it and wait at Telegram (○). When it is switched off, its webhook is removed and the \
                     service registers again.",
                    "Обновления идут ему и ждут в Telegram (○). Если выключить, его вебхук удаляется и сервис \
                     регистрируется заново.",
                ),
            )
        },
        once(
            "changed-secret",
            language.pick("The secret token changes", "Меняется секретный токен"),
            language.pick(
                "The service answers 401 to the next message (!). It notices this and registers again by itself.",
                "На следующее сообщение сервис отвечает 401 (!), замечает это и сам регистрируется заново.",
            ),
        ),
    ];
    let faults = state.faults.list();
    switches.extend(FAULTS.iter().map(|(name, ..)| {
        let (title, about) = fault_texts(name, language);
        let is_on = fault(name).is_some_and(|fault| faults.contains(&fault));
        Switch { name, title, about, is_on: Some(is_on) }
    }));
    switches.push(once(
        "duplicate",
        language.pick("Telegram delivers the last update twice", "Telegram доставляет последнее обновление дважды"),
        language.pick(
            "Its trail shows a second delivery, which the service answers with 200 and does not handle again.",
            "На его пути видна вторая доставка: сервис отвечает 200 и второй раз его не обрабатывает.",
        ),
    ));
    if service.kill_bot.is_some() {
        switches.push(once(
            "kill-bot",
            language.pick("The bot is killed", "Процесс бота убит"),
            language.pick(
                "Updates wait in the service. It starts the bot again, and then hands them over in order.",
                "Обновления ждут в сервисе. Он запускает бота заново и передаёт их по порядку.",
            ),
        ));
    }
    switches
}

/// Makes the effect of a fault, which no constant can hold.
type MakeFault = fn() -> FaultKind;

/// The faults that can be switched on: the name and what they do to every call.
const FAULTS: [(&str, MakeFault); 4] = [
    ("fails-429", || FaultKind::Status {
        code: 429,
        description: "Too Many Requests: retry after 5".to_owned(),
        retry_after: Some(5),
    }),
    ("fails-500", || FaultKind::Status {
        code: 500,
        description: "Internal Server Error".to_owned(),
        retry_after: None,
    }),
    ("silent", || FaultKind::Hang),
    ("slow", || FaultKind::Slow(Duration::from_secs(2))),
];

fn fault(name: &str) -> Option<Fault> {
    let (_, what) = FAULTS.iter().find(|(known, _)| *known == name)?;
    Some(Fault { method: None, times: None, what: what() })
}

fn fault_texts(name: &str, language: Language) -> (&'static str, &'static str) {
    match name {
        "fails-429" => (
            language.pick("Telegram answers 429", "Telegram отвечает 429"),
            language.pick(
                "Every call is refused and asks to wait 5 s. The service waits that long; nothing is lost.",
                "Каждый вызов отклоняется с просьбой подождать 5 с. Сервис ждёт; ничего не теряется.",
            ),
        ),
        "fails-500" => (
            language.pick("Telegram answers 500", "Telegram отвечает 500"),
            language.pick(
                "Every call fails. The trail shows the attempts, and the answer comes when this is switched off.",
                "Каждый вызов завершается ошибкой. На пути видны попытки, а ответ придёт после выключения.",
            ),
        ),
        "silent" => (
            language.pick("Telegram does not answer", "Telegram не отвечает"),
            language.pick(
                "Calls wait until their deadline. The service still stores each update and answers 200 at once.",
                "Вызовы ждут до своего срока. Сервис по-прежнему сохраняет обновления и сразу отвечает 200.",
            ),
        ),
        _ => (
            language.pick("The network is slow", "Сеть медленная"),
            language.pick(
                "Every answer of Telegram takes 2 s longer. The trail shows it in the time of each call.",
                "Каждый ответ Telegram приходит на 2 с позже. Это видно по времени вызовов.",
            ),
        ),
    }
}

/// `POST /chat/switch`.
pub(super) async fn turn(PageOf(page): PageOf<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    let (sandbox, name) = (&page.sandbox, form.text("name"));
    match name.as_str() {
        "polling-copy" => sandbox.start_polling_copy(),
        "changed-secret" => sandbox.change_secret(OTHER_SECRET),
        "other-service" => turn_other_service(sandbox),
        "kill-bot" => {
            if let Some(kill) = sandbox.shared.service().kill_bot {
                kill();
            }
        }
        "duplicate" => {
            let chat = form.view.chat;
            let repeated = sandbox.shared.change(|state, now| {
                let latest = state.update_log.newest_first().find(|logged| logged.update.chat == Some(chat));
                latest.map(|logged| logged.id).is_some_and(|id| state.push_again(now, UpdateId(id)))
            });
            if !repeated {
                return form.refused(Problem::NothingDelivered);
            }
        }
        _ => match fault(&name) {
            Some(fault) => sandbox.shared.change(|state, _| state.faults.toggle(fault)),
            None => return form.refused(Problem::NoSwitch),
        },
    }
    form.unchanged()
}

fn turn_other_service(sandbox: &Sandbox) {
    let is_on = sandbox.webhook().is_some_and(|webhook| webhook.url == OTHER_SERVICE);
    if is_on {
        sandbox.shared.change(|state, _| state.erase_webhook());
    } else if let Err(refusal) = sandbox.take_over_webhook(OTHER_SERVICE) {
        tracing::error!(refusal, "the sandbox refused the other service's webhook; this is an error in the program");
    }
}
