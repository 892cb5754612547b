//! The table of methods: every method of Bot API 10.3, and two old names that libraries still use.
//!
//! A row names the method, its parameters and what it does. [`super::parameters`] explains the second column,
//! [`super::template`] the texts in the third.

use serde_json::Value;

use super::call::{ApiCall, ApiResult};
use super::template::RICH_MESSAGE;
use super::{albums, chats, commands, edits, forward, media, members, messages, presence, webhook};
use crate::sandbox::state::State;
use Method::{Accept, DeleteWebhook, Edit, GetUpdates, Keep, Kept, Object, Run, RunInfallible, Send, SetWebhook};

/// What a method does.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    /// Returns `true` and does nothing else.
    Accept,
    /// Returns the object of this template.
    Object(&'static str),
    /// Writes a message with the content of this template.
    Send(&'static str),
    /// Gives a message the content of this template.
    Edit(&'static str),
    /// Keeps the parameter of this name, which the bot sets about itself.
    Keep(&'static str),
    /// Returns what was kept by this name, or else this JSON.
    Kept(&'static str, &'static str),
    /// Runs this function.
    Run(fn(&mut State, &ApiCall<'_>) -> ApiResult),
    /// Runs this function, which cannot fail.
    RunInfallible(fn(&mut State, &ApiCall<'_>) -> Value),
    /// Removes the webhook.
    DeleteWebhook,
    /// Sets a webhook. This may wait for a name server: [`webhook`].
    SetWebhook,
    /// Returns updates. This may wait for them: [`super::updates`].
    GetUpdates,
}

/// One method.
#[derive(Clone, Copy)]
pub(crate) struct MethodRow {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) method: Method,
}

/// The method with this name in any case.
pub(crate) fn find(name: &str) -> Option<MethodRow> {
    let (name, parameters, method) = METHODS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
    Some(MethodRow { name, parameters, method: *method })
}

const BUSINESS_CONNECTION: &str = r#"{"id":"$business_connection_id","user":"@user","user_chat_id":1,"date":"@now",
    "is_enabled":true,"rights":{"can_reply":true}}"#;
const CHECKLIST: &str = r#"{"checklist":"$checklist"}"#;
const CONTACT: &str = r#"{"contact":{"phone_number":"$phone_number","first_name":"$first_name","last_name":"$last_name",
    "vcard":"$vcard"}}"#;
const FORUM_TOPIC: &str = r#"{"message_thread_id":"@message_id","name":"$name","icon_color":"$icon_color|7322096",
    "icon_custom_emoji_id":"$icon_custom_emoji_id"}"#;
const GAME: &str = r#"{"game":{"title":"$game_short_name","description":"","photo":[]}}"#;
const INVITE_LINK: &str = r#"{"invite_link":"$invite_link|https://t.me/+sandbox","creator":"@bot","name":"$name",
    "creates_join_request":"$creates_join_request|false","is_primary":false,"is_revoked":false,
    "expire_date":"$expire_date","member_limit":"$member_limit","subscription_period":"$subscription_period",
    "subscription_price":"$subscription_price"}"#;
const INVOICE: &str = r#"{"invoice":{"title":"$title","description":"$description","currency":"$currency",
    "start_parameter":"$start_parameter|","total_amount":"@total"}}"#;
const LOCATION: &str = r#"{"location":{"latitude":"$latitude","longitude":"$longitude","heading":"$heading",
    "horizontal_accuracy":"$horizontal_accuracy","live_period":"$live_period"}}"#;
const MANAGED_TOKEN: &str = r#""123456789:AAtestManagedBotOfTheSandbox0123456789""#;
const NEW_STORY: &str = r#"{"chat":"@account","id":"@message_id"}"#;
const NO_GIFTS: &str = r#"{"total_count":0,"gifts":[]}"#;
const OLD_STORY: &str = r#"{"chat":"@account","id":"$story_id"}"#;
const PAID_MEDIA: &str = r#"{"paid_media":{"star_count":"$star_count","paid_media":"@paid_media"}}"#;
const POLL: &str = r#"{"poll":{"id":"@id","question":"$question","options":"@options","total_voter_count":0,
    "is_closed":"$is_closed|false","is_anonymous":"$is_anonymous|true","type":"$type|regular",
    "allows_multiple_answers":"$allows_multiple_answers|false","allows_revoting":"$allows_revoting|true",
    "members_only":"$members_only|false","correct_option_id":"$correct_option_id","explanation":"$explanation"}}"#;
const REVOKED_LINK: &str = r#"{"invite_link":"$invite_link","creator":"@bot","creates_join_request":false,
    "is_primary":false,"is_revoked":true}"#;
const VENUE: &str = r#"{"venue":{"location":{"latitude":"$latitude","longitude":"$longitude"},"title":"$title",
    "address":"$address"},"location":{"latitude":"$latitude","longitude":"$longitude"}}"#;

/// Each method with its parameters and what it does.
#[rustfmt::skip]
pub(super) const METHODS: &[(&str, &str, Method)] = &[
    ("addStickerToSet", "user_id name sticker:json", Accept),
    ("answerCallbackQuery", "callback_query_id ?text<=200", Run(chats::answer_callback_query)),
    ("answerChatJoinRequestQuery", "chat_join_request_query_id result:text", Accept),
    ("answerGuestQuery", "guest_query_id result", Object(r#"{"inline_message_id":"@id"}"#)),
    ("answerInlineQuery", "inline_query_id results<=50", Accept),
    ("answerPreCheckoutQuery", "pre_checkout_query_id ok", Accept),
    ("answerShippingQuery", "shipping_query_id ok", Accept),
    ("answerWebAppQuery", "web_app_query_id result", Object(r#"{"inline_message_id":"@id"}"#)),
    ("approveChatJoinRequest", "chat_id user_id", Accept),
    ("approveSuggestedPost", "chat_id message_id", Accept),
    ("banChatMember", "chat_id user_id", Run(members::ban)),
    ("banChatSenderChat", "chat_id sender_chat_id", Accept),
    ("close", "", Accept),
    ("closeForumTopic", "chat_id message_thread_id", Accept),
    ("closeGeneralForumTopic", "chat_id", Accept),
    ("convertGiftToStars", "business_connection_id owned_gift_id", Accept),
    ("copyMessage", "chat_id from_chat_id message_id", Run(forward::copy)),
    ("copyMessages", "chat_id from_chat_id message_ids<=100", Run(forward::copy_all)),
    ("createChatInviteLink", "chat_id ?name<=32", Object(INVITE_LINK)),
    ("createChatSubscriptionInviteLink", "chat_id subscription_period subscription_price",
        Object(INVITE_LINK)),
    ("createForumTopic", "chat_id name<=128", Object(FORUM_TOPIC)),
    ("createInvoiceLink", "title<=32 description<=255 payload currency prices", Object(r#""https://t.me/$sandbox""#)),
    ("createNewStickerSet", "user_id name<=64 title<=64 stickers<=50", Accept),
    ("declineChatJoinRequest", "chat_id user_id", Accept),
    ("declineSuggestedPost", "chat_id message_id", Accept),
    ("deleteAllMessageReactions", "chat_id", Accept),
    ("deleteBusinessMessages", "business_connection_id message_ids<=100", Accept),
    ("deleteChatPhoto", "chat_id", Accept),
    ("deleteChatStickerSet", "chat_id", Accept),
    ("deleteEphemeralMessage", "chat_id receiver_user_id ephemeral_message_id", Accept),
    ("deleteForumTopic", "chat_id message_thread_id", Accept),
    ("deleteMessage", "chat_id message_id", Run(edits::delete)),
    ("deleteMessageReaction", "chat_id message_id", Accept),
    ("deleteMessages", "chat_id message_ids<=100", Run(edits::delete_all)),
    ("deleteMyCommands", "", RunInfallible(commands::delete)),
    ("deleteStickerFromSet", "sticker:text", Accept),
    ("deleteStickerSet", "name", Accept),
    ("deleteStory", "business_connection_id story_id", Accept),
    ("deleteWebhook", "", DeleteWebhook),
    ("editChatInviteLink", "chat_id invite_link ?name<=32", Object(INVITE_LINK)),
    ("editChatSubscriptionInviteLink", "chat_id invite_link ?name<=32", Object(INVITE_LINK)),
    ("editEphemeralMessageCaption", "chat_id receiver_user_id ephemeral_message_id ?caption<=1024", Accept),
    ("editEphemeralMessageMedia", "chat_id receiver_user_id ephemeral_message_id media", Accept),
    ("editEphemeralMessageReplyMarkup", "chat_id receiver_user_id ephemeral_message_id", Accept),
    ("editEphemeralMessageText", "chat_id receiver_user_id ephemeral_message_id ?text<=4096", Accept),
    ("editForumTopic", "chat_id message_thread_id ?name<=128", Accept),
    ("editGeneralForumTopic", "chat_id name<=128", Accept),
    ("editMessageCaption", "", Run(edits::edit_caption)),
    ("editMessageChecklist", "business_connection_id chat_id message_id checklist", Edit(CHECKLIST)),
    ("editMessageLiveLocation", "latitude longitude", Edit(LOCATION)),
    ("editMessageMedia", "media", Run(albums::edit_media)),
    ("editMessageReplyMarkup", "", Run(edits::edit_reply_markup)),
    ("editMessageText", "", Run(edits::edit_text)),
    ("editStory", "business_connection_id story_id content ?caption<=2048", Object(OLD_STORY)),
    ("editUserStarSubscription", "user_id telegram_payment_charge_id is_canceled", Accept),
    ("exportChatInviteLink", "chat_id", Object(r#""https://t.me/+sandbox""#)),
    ("forwardMessage", "chat_id from_chat_id message_id", Run(forward::forward)),
    ("forwardMessages", "chat_id from_chat_id message_ids<=100", Run(forward::forward_all)),
    ("getAvailableGifts", "", Object(r#"{"gifts":[]}"#)),
    ("getBusinessAccountGifts", "business_connection_id", Object(NO_GIFTS)),
    ("getBusinessAccountStarBalance", "business_connection_id", Object(r#"{"amount":0}"#)),
    ("getBusinessConnection", "business_connection_id", Object(BUSINESS_CONNECTION)),
    ("getChat", "chat_id", Run(chats::get)),
    ("getChatAdministrators", "chat_id", Run(members::administrators)),
    ("getChatGifts", "chat_id", Object(NO_GIFTS)),
    ("getChatMember", "chat_id user_id", Run(members::get)),
    ("getChatMemberCount", "chat_id", Object("2")),
    ("getChatMembersCount", "chat_id", Object("2")),
    ("getChatMenuButton", "", Kept("menu_button", r#"{"type":"default"}"#)),
    ("getCustomEmojiStickers", "custom_emoji_ids<=200", Object("[]")),
    ("getFile", "file_id", Run(media::get_file)),
    ("getForumTopicIconStickers", "", Object("[]")),
    ("getGameHighScores", "user_id", Object(r#"[{"position":1,"user":"@user","score":0}]"#)),
    ("getManagedBotAccessSettings", "user_id", Object(r#"{"is_access_restricted":false}"#)),
    ("getManagedBotToken", "user_id", Object(MANAGED_TOKEN)),
    ("getMe", "", RunInfallible(chats::me)),
    ("getMyCommands", "", RunInfallible(commands::get)),
    ("getMyDefaultAdministratorRights", "", Kept("rights", chats::NO_RIGHTS)),
    ("getMyDescription", "", Kept("description", r#"{"description":""}"#)),
    ("getMyName", "", Kept("name", r#"{"name":"Doorbell"}"#)),
    ("getMyShortDescription", "", Kept("short_description", r#"{"short_description":""}"#)),
    ("getMyStarBalance", "", Object(r#"{"amount":0}"#)),
    ("getStarTransactions", "", Object(r#"{"transactions":[]}"#)),
    ("getStickerSet", "name", Object(r#"{"name":"$name","title":"$name","sticker_type":"regular","stickers":[]}"#)),
    ("getUpdates", "", GetUpdates),
    ("getUserChatBoosts", "chat_id user_id", Object(r#"{"boosts":[]}"#)),
    ("getUserGifts", "user_id", Object(NO_GIFTS)),
    ("getUserPersonalChatMessages", "user_id limit", Object("[]")),
    ("getUserProfileAudios", "user_id", Object(r#"{"total_count":0,"audios":[]}"#)),
    ("getUserProfilePhotos", "user_id", Object(r#"{"total_count":0,"photos":[]}"#)),
    ("getWebhookInfo", "", RunInfallible(webhook::info)),
    ("giftPremiumSubscription", "user_id month_count star_count ?text<=128", Accept),
    ("hideGeneralForumTopic", "chat_id", Accept),
    ("kickChatMember", "chat_id user_id", Run(members::ban)),
    ("leaveChat", "chat_id", Accept),
    ("logOut", "", Accept),
    ("pinChatMessage", "chat_id message_id", Accept),
    ("postStory", "business_connection_id content active_period ?caption<=2048", Object(NEW_STORY)),
    ("promoteChatMember", "chat_id user_id", Run(members::promote)),
    ("readBusinessMessage", "business_connection_id chat_id message_id", Accept),
    ("refundStarPayment", "user_id telegram_payment_charge_id", Accept),
    ("removeBusinessAccountProfilePhoto", "business_connection_id", Accept),
    ("removeChatVerification", "chat_id", Accept),
    ("removeMyProfilePhoto", "", Accept),
    ("removeUserVerification", "user_id", Accept),
    ("reopenForumTopic", "chat_id message_thread_id", Accept),
    ("reopenGeneralForumTopic", "chat_id", Accept),
    ("replaceManagedBotToken", "user_id", Object(MANAGED_TOKEN)),
    ("replaceStickerInSet", "user_id name old_sticker sticker:json", Accept),
    ("repostStory", "business_connection_id from_chat_id from_story_id active_period", Object(NEW_STORY)),
    ("restrictChatMember", "chat_id user_id permissions", Run(members::restrict)),
    ("revokeChatInviteLink", "chat_id invite_link", Object(REVOKED_LINK)),
    ("savePreparedInlineMessage", "user_id result", Object(r#"{"id":"@id","expiration_date":"@tomorrow"}"#)),
    ("savePreparedKeyboardButton", "user_id button", Object(r#"{"id":"@id"}"#)),
    ("sendAnimation", "chat_id animation", Send(r#"{"animation":"$animation"}"#)),
    ("sendAudio", "chat_id audio", Send(r#"{"audio":"$audio"}"#)),
    ("sendChatAction", "chat_id action", Run(presence::act)),
    ("sendChatJoinRequestWebApp", "chat_join_request_query_id web_app_url", Accept),
    ("sendChecklist", "business_connection_id chat_id checklist", Send(CHECKLIST)),
    ("sendContact", "chat_id phone_number first_name", Send(CONTACT)),
    ("sendDice", "chat_id", Send(r#"{"dice":{"emoji":"$emoji|🎲","value":4}}"#)),
    ("sendDocument", "chat_id document", Send(r#"{"document":"$document"}"#)),
    ("sendGame", "chat_id game_short_name", Send(GAME)),
    ("sendGift", "gift_id ?text<=128", Accept),
    ("sendInvoice", "chat_id title<=32 description<=255 payload currency prices", Send(INVOICE)),
    ("sendLivePhoto", "chat_id live_photo photo", Send(r#"{"live_photo":"$live_photo","photo":"$photo"}"#)),
    ("sendLocation", "chat_id latitude longitude", Send(LOCATION)),
    ("sendMediaGroup", "chat_id media<=10", Run(albums::send_media_group)),
    ("sendMessage", "text chat_id", Run(messages::send_text)),
    ("sendMessageDraft", "chat_id draft_id ?text<=4096", Run(presence::draft)),
    ("sendPaidMedia", "chat_id star_count media<=10", Send(PAID_MEDIA)),
    ("sendPhoto", "chat_id photo", Send(r#"{"photo":"$photo"}"#)),
    ("sendPoll", "chat_id question<=300 options<=12 ?explanation<=200", Send(POLL)),
    ("sendRichMessage", "chat_id rich_message", Send(RICH_MESSAGE)),
    ("sendRichMessageDraft", "chat_id draft_id rich_message", Run(presence::rich_draft)),
    ("sendSticker", "chat_id sticker", Send(r#"{"sticker":"$sticker"}"#)),
    ("sendVenue", "chat_id latitude longitude title address", Send(VENUE)),
    ("sendVideo", "chat_id video", Send(r#"{"video":"$video"}"#)),
    ("sendVideoNote", "chat_id video_note", Send(r#"{"video_note":"$video_note"}"#)),
    ("sendVoice", "chat_id voice", Send(r#"{"voice":"$voice"}"#)),
    ("setBusinessAccountBio", "business_connection_id ?bio<=140", Accept),
    ("setBusinessAccountGiftSettings", "business_connection_id show_gift_button accepted_gift_types", Accept),
    ("setBusinessAccountName", "business_connection_id first_name<=64 ?last_name<=64", Accept),
    ("setBusinessAccountProfilePhoto", "business_connection_id photo:json", Accept),
    ("setBusinessAccountUsername", "business_connection_id ?username<=32", Accept),
    ("setChatAdministratorCustomTitle", "chat_id user_id custom_title<=16", Accept),
    ("setChatDescription", "chat_id ?description<=255", Accept),
    ("setChatMemberTag", "chat_id user_id ?tag<=16", Accept),
    ("setChatMenuButton", "", Keep("menu_button")),
    ("setChatPermissions", "chat_id permissions", Run(members::set_permissions)),
    ("setChatPhoto", "chat_id photo", Accept),
    ("setChatStickerSet", "chat_id sticker_set_name", Accept),
    ("setChatTitle", "chat_id title<=128", Accept),
    ("setCustomEmojiStickerSetThumbnail", "name", Accept),
    ("setGameScore", "user_id score", Run(edits::show)),
    ("setManagedBotAccessSettings", "user_id is_access_restricted", Accept),
    ("setMessageReaction", "chat_id message_id", Accept),
    ("setMyCommands", "commands", Run(commands::set)),
    ("setMyDefaultAdministratorRights", "", Keep("rights")),
    ("setMyDescription", "?description<=512", Keep("description")),
    ("setMyName", "?name<=64", Keep("name")),
    ("setMyProfilePhoto", "photo:json", Accept),
    ("setMyShortDescription", "?short_description<=120", Keep("short_description")),
    ("setPassportDataErrors", "user_id errors", Accept),
    ("setStickerEmojiList", "sticker:text emoji_list<=20", Accept),
    ("setStickerKeywords", "sticker:text ?keywords<=20", Accept),
    ("setStickerMaskPosition", "sticker:text", Accept),
    ("setStickerPositionInSet", "sticker:text position", Accept),
    ("setStickerSetThumbnail", "name user_id format", Accept),
    ("setStickerSetTitle", "name title<=64", Accept),
    ("setUserEmojiStatus", "user_id", Accept),
    ("setWebhook", "", SetWebhook),
    ("stopMessageLiveLocation", "", Run(edits::edit_reply_markup)),
    ("stopPoll", "chat_id message_id", Run(edits::stop_poll)),
    ("transferBusinessAccountStars", "business_connection_id star_count", Accept),
    ("transferGift", "business_connection_id owned_gift_id new_owner_chat_id", Accept),
    ("unbanChatMember", "chat_id user_id", Run(members::unban)),
    ("unbanChatSenderChat", "chat_id sender_chat_id", Accept),
    ("unhideGeneralForumTopic", "chat_id", Accept),
    ("unpinAllChatMessages", "chat_id", Accept),
    ("unpinAllForumTopicMessages", "chat_id message_thread_id", Accept),
    ("unpinAllGeneralForumTopicMessages", "chat_id", Accept),
    ("unpinChatMessage", "chat_id", Accept),
    ("upgradeGift", "business_connection_id owned_gift_id", Accept),
    ("uploadStickerFile", "user_id sticker sticker_format", Run(media::upload_sticker)),
    ("verifyChat", "chat_id ?custom_description<=70", Accept),
    ("verifyUser", "user_id ?custom_description<=70", Accept),
];

#[cfg(test)]
mod tests;
