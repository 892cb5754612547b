use super::forbidden::POLL;
use crate::telemetry::Label;

/// Every method of Bot API 10.3, and two old names that libraries still use, in alphabetical order.
#[rustfmt::skip]
pub const METHODS: [&str; KNOWN] = [
    "addStickerToSet", "answerCallbackQuery", "answerChatJoinRequestQuery", "answerGuestQuery", "answerInlineQuery",
    "answerPreCheckoutQuery", "answerShippingQuery", "answerWebAppQuery", "approveChatJoinRequest",
    "approveSuggestedPost", "banChatMember", "banChatSenderChat", "close", "closeForumTopic",
    "closeGeneralForumTopic", "convertGiftToStars", "copyMessage", "copyMessages", "createChatInviteLink",
    "createChatSubscriptionInviteLink", "createForumTopic", "createInvoiceLink", "createNewStickerSet",
    "declineChatJoinRequest", "declineSuggestedPost", "deleteAllMessageReactions", "deleteBusinessMessages",
    "deleteChatPhoto", "deleteChatStickerSet", "deleteEphemeralMessage", "deleteForumTopic", "deleteMessage",
    "deleteMessageReaction", "deleteMessages", "deleteMyCommands", "deleteStickerFromSet", "deleteStickerSet",
    "deleteStory", "deleteWebhook", "editChatInviteLink", "editChatSubscriptionInviteLink",
    "editEphemeralMessageCaption", "editEphemeralMessageMedia", "editEphemeralMessageReplyMarkup",
    "editEphemeralMessageText", "editForumTopic", "editGeneralForumTopic", "editMessageCaption",
    "editMessageChecklist", "editMessageLiveLocation", "editMessageMedia", "editMessageReplyMarkup",
    "editMessageText", "editStory", "editUserStarSubscription", "exportChatInviteLink", "forwardMessage",
    "forwardMessages", "getAvailableGifts", "getBusinessAccountGifts", "getBusinessAccountStarBalance",
    "getBusinessConnection", "getChat", "getChatAdministrators", "getChatGifts", "getChatMember",
    "getChatMemberCount", "getChatMembersCount", "getChatMenuButton", "getCustomEmojiStickers", "getFile",
    "getForumTopicIconStickers", "getGameHighScores", "getManagedBotAccessSettings", "getManagedBotToken", "getMe",
    "getMyCommands", "getMyDefaultAdministratorRights", "getMyDescription", "getMyName", "getMyShortDescription",
    "getMyStarBalance", "getStarTransactions", "getStickerSet", POLL, "getUserChatBoosts", "getUserGifts",
    "getUserPersonalChatMessages", "getUserProfileAudios", "getUserProfilePhotos", "getWebhookInfo",
    "giftPremiumSubscription", "hideGeneralForumTopic", "kickChatMember", "leaveChat", "logOut", "pinChatMessage",
    "postStory", "promoteChatMember", "readBusinessMessage", "refundStarPayment",
    "removeBusinessAccountProfilePhoto", "removeChatVerification", "removeMyProfilePhoto", "removeUserVerification",
    "reopenForumTopic", "reopenGeneralForumTopic", "replaceManagedBotToken", "replaceStickerInSet", "repostStory",
    "restrictChatMember", "revokeChatInviteLink", "savePreparedInlineMessage", "savePreparedKeyboardButton",
    "sendAnimation", "sendAudio", "sendChatAction", "sendChatJoinRequestWebApp", "sendChecklist", "sendContact",
    "sendDice", "sendDocument", "sendGame", "sendGift", "sendInvoice", "sendLivePhoto", "sendLocation",
    "sendMediaGroup", "sendMessage", "sendMessageDraft", "sendPaidMedia", "sendPhoto", "sendPoll",
    "sendRichMessage", "sendRichMessageDraft", "sendSticker", "sendVenue", "sendVideo", "sendVideoNote",
    "sendVoice", "setBusinessAccountBio", "setBusinessAccountGiftSettings", "setBusinessAccountName",
    "setBusinessAccountProfilePhoto", "setBusinessAccountUsername", "setChatAdministratorCustomTitle",
    "setChatDescription", "setChatMemberTag", "setChatMenuButton", "setChatPermissions", "setChatPhoto",
    "setChatStickerSet", "setChatTitle", "setCustomEmojiStickerSetThumbnail", "setGameScore",
    "setManagedBotAccessSettings", "setMessageReaction", "setMyCommands", "setMyDefaultAdministratorRights",
    "setMyDescription", "setMyName", "setMyProfilePhoto", "setMyShortDescription", "setPassportDataErrors",
    "setStickerEmojiList", "setStickerKeywords", "setStickerMaskPosition", "setStickerPositionInSet",
    "setStickerSetThumbnail", "setStickerSetTitle", "setUserEmojiStatus", "setWebhook", "stopMessageLiveLocation",
    "stopPoll", "transferBusinessAccountStars", "transferGift", "unbanChatMember", "unbanChatSenderChat",
    "unhideGeneralForumTopic", "unpinAllChatMessages", "unpinAllForumTopicMessages",
    "unpinAllGeneralForumTopicMessages", "unpinChatMessage", "upgradeGift", "uploadStickerFile", "verifyChat",
    "verifyUser",
];

const KNOWN: usize = 187;

/// A method of the Bot API as a label of metrics and spans: one of [`METHODS`], or `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodName(usize);

impl MethodName {
    /// A name that is not in the list, and a file.
    pub const OTHER: Self = Self(KNOWN);

    /// The label of a method. Telegram ignores the case of the name.
    #[must_use]
    pub fn of(method: &str) -> Self {
        METHODS.binary_search_by(|known| lower_case(known).cmp(lower_case(method))).map_or(Self::OTHER, Self)
    }
}

fn lower_case(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

impl Label for MethodName {
    const KEY: &'static str = "method";
    const ALL: &'static [Self] = &{
        let mut all = [Self::OTHER; KNOWN + 1];
        let mut at = 0;
        while at < KNOWN {
            all[at] = Self(at);
            at += 1;
        }
        all
    };

    fn name(self) -> &'static str {
        METHODS.get(self.0).copied().unwrap_or("other")
    }

    fn index(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_one_of_the_list_in_any_case_or_other() {
        assert_eq!(MethodName::of("sendMessage").name(), "sendMessage");
        assert_eq!(MethodName::of("GETME").name(), "getMe");
        for unknown in ["", "sendMessage2", "send", "getMe ", "\u{e9}"] {
            assert_eq!(MethodName::of(unknown).name(), "other", "{unknown}");
        }
        for (index, label) in MethodName::ALL.iter().enumerate() {
            assert_eq!(
                (label.index(), *label),
                (index, if index < KNOWN { MethodName::of(METHODS[index]) } else { MethodName::OTHER })
            );
        }
    }

    #[test]
    fn each_method_is_listed_once_in_order() {
        assert!(METHODS.windows(2).all(|pair| pair[0].to_lowercase() < pair[1].to_lowercase()));
    }
}
