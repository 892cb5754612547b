"""A bot with python-telegram-bot in webhook mode, for Doorbell."""

import asyncio
import base64
from os import environ
from urllib.parse import urlsplit

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, MessageHandler, filters

API = environ["TELEGRAM_API_URL"]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII="
)


async def start(update: Update, _) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Press me", callback_data="pressed")]])
    await update.message.reply_text("Send me a text, a photo or a file.", reply_markup=keyboard)


async def pressed(update: Update, _) -> None:
    await update.callback_query.answer()
    await update.callback_query.edit_message_text("You pressed the button.")


async def photo(update: Update, _) -> None:
    await update.message.reply_photo(PICTURE, filename="picture.png")


async def file(update: Update, _) -> None:
    attachment = update.message.document or update.message.photo[-1]
    content = await (await attachment.get_file()).download_as_bytearray()
    await update.message.reply_text(f"{len(content)} bytes")


async def echo(update: Update, _) -> None:
    text = update.message.text
    if text == "boom":
        raise RuntimeError("boom")
    if text == "slow":
        await asyncio.sleep(3)
    await update.message.reply_text(text)


builder = Application.builder().token(environ["BOT_TOKEN"])
# Files have an address of their own in this library.
application = builder.base_url(f"{API}/bot").base_file_url(f"{API}/file/bot").build()
application.add_handler(CommandHandler("start", start))
application.add_handler(CommandHandler("photo", photo))
application.add_handler(CallbackQueryHandler(pressed, pattern="^pressed$"))
application.add_handler(MessageHandler(filters.Document.ALL | filters.PHOTO, file))
application.add_handler(MessageHandler(filters.TEXT, echo))
# It answers 200 before it has handled the update: a kill -9 of the bot loses what it holds.
application.run_webhook(
    listen="127.0.0.1",
    port=int(environ["PORT"]),
    url_path=urlsplit(environ["WEBHOOK_URL"]).path,
    webhook_url=environ["WEBHOOK_URL"],
    secret_token=environ["WEBHOOK_SECRET"],
)
