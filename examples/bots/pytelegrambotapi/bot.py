"""A bot with pyTelegramBotAPI in webhook mode, for Doorbell."""

import base64
import time
from os import environ
from urllib.parse import urlsplit

from telebot import TeleBot, apihelper
from telebot.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII="
)

apihelper.API_URL = environ["TELEGRAM_API_URL"] + "/bot{0}/{1}"
# Files have an address of their own in this library.
apihelper.FILE_URL = environ["TELEGRAM_API_URL"] + "/file/bot{0}/{1}"
# Without threaded=False, the library answers 200 before it has handled the update, and mixes the order of a chat.
bot = TeleBot(environ["BOT_TOKEN"], threaded=False)


@bot.message_handler(commands=["start"])
def start(message: Message) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Press me", callback_data="pressed")]])
    bot.send_message(message.chat.id, "Send me a text, a photo or a file.", reply_markup=keyboard)


@bot.callback_query_handler(func=lambda query: query.data == "pressed")
def pressed(query: CallbackQuery) -> None:
    bot.answer_callback_query(query.id)
    bot.edit_message_text("You pressed the button.", query.message.chat.id, query.message.message_id)


@bot.message_handler(commands=["photo"])
def photo(message: Message) -> None:
    bot.send_photo(message.chat.id, ("picture.png", PICTURE))


@bot.message_handler(content_types=["document", "photo"])
def file(message: Message) -> None:
    attachment = message.document or message.photo[-1]
    content = bot.download_file(bot.get_file(attachment.file_id).file_path)
    bot.send_message(message.chat.id, f"{len(content)} bytes")


@bot.message_handler(content_types=["text"])
def echo(message: Message) -> None:
    if message.text == "boom":
        raise RuntimeError("boom")
    if message.text == "slow":
        time.sleep(3)
    bot.send_message(message.chat.id, message.text)


# The library listens at a path that ends with a slash, so the URL must end with one.
url = environ["WEBHOOK_URL"].rstrip("/") + "/"
bot.run_webhooks(
    listen="127.0.0.1",
    port=int(environ["PORT"]),
    url_path=urlsplit(url).path.lstrip("/"),
    webhook_url=url,
    secret_token=environ["WEBHOOK_SECRET"],
)
