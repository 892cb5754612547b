"""A bot with aiogram in webhook mode, for Doorbell."""

import asyncio
import base64
from os import environ
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandStart
from aiogram.types import BufferedInputFile, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

URL, SECRET = environ["WEBHOOK_URL"], environ["WEBHOOK_SECRET"]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII="
)

server = TelegramAPIServer.from_base(environ["TELEGRAM_API_URL"])
bot = Bot(environ["BOT_TOKEN"], session=AiohttpSession(api=server))
dispatcher = Dispatcher()


@dispatcher.message(CommandStart())
async def start(message: Message) -> None:
    button = InlineKeyboardButton(text="Press me", callback_data="pressed")
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[button]])
    await message.answer("Send me a text, a photo or a file.", reply_markup=keyboard)


@dispatcher.callback_query(F.data == "pressed")
async def pressed(query: CallbackQuery) -> None:
    await query.answer()
    await query.message.edit_text("You pressed the button.")


@dispatcher.message(Command("photo"))
async def photo(message: Message) -> None:
    await message.answer_photo(BufferedInputFile(PICTURE, "picture.png"))


@dispatcher.message(F.document | F.photo)
async def file(message: Message) -> None:
    content = await bot.download(message.document or message.photo[-1])
    await message.answer(f"{len(content.getvalue())} bytes")


@dispatcher.message(F.text)
async def echo(message: Message) -> None:
    if message.text == "boom":
        raise RuntimeError("boom")
    if message.text == "slow":
        await asyncio.sleep(3)
    await message.answer(message.text)


@dispatcher.startup()
async def set_webhook() -> None:
    await bot.set_webhook(URL, secret_token=SECRET)


app = web.Application()
# Without handle_in_background=False, aiogram answers 200 before it has handled the update.
handler = SimpleRequestHandler(dispatcher, bot, secret_token=SECRET, handle_in_background=False)
handler.register(app, path=urlsplit(URL).path)
setup_application(app, dispatcher, bot=bot)
web.run_app(app, host="127.0.0.1", port=int(environ["PORT"]))
