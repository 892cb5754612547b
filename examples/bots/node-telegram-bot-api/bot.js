// A bot with node-telegram-bot-api 2 in webhook mode, for Doorbell.

import { setTimeout as sleep } from "node:timers/promises";
import { Bot, InlineKeyboardBuilder, InputFile } from "node-telegram-bot-api";
import { startWebhook } from "node-telegram-bot-api/node";

const { BOT_TOKEN, PORT, TELEGRAM_API_URL, WEBHOOK_SECRET, WEBHOOK_URL } = process.env;
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII=",
  "base64",
);

const bot = new Bot(BOT_TOKEN, { apiRoot: TELEGRAM_API_URL });

bot.command("start", (ctx) => {
  const keyboard = new InlineKeyboardBuilder().text("Press me", "pressed").build();
  return ctx.reply("Send me a text, a photo or a file.", { reply_markup: keyboard });
});

bot.on("callback_query", async (ctx) => {
  await ctx.answerCallbackQuery();
  const { chat, message_id } = ctx.callbackQuery.message;
  await bot.api.editMessageText({ chat_id: chat.id, message_id, text: "You pressed the button." });
});

bot.command("photo", (ctx) =>
  bot.api.sendPhoto({ chat_id: ctx.chatId, photo: new InputFile(PICTURE, { filename: "picture.png" }) }),
);

bot.on("message", async (ctx) => {
  const { document, photo, text } = ctx.message;
  const attachment = document ?? photo?.at(-1);
  if (attachment) {
    const file = await bot.api.getFile({ file_id: attachment.file_id });
    // The library itself downloads no files, so this URL is the bot's own.
    const answer = await fetch(`${TELEGRAM_API_URL}/file/bot${BOT_TOKEN}/${file.file_path}`);
    return ctx.reply(`${(await answer.arrayBuffer()).byteLength} bytes`);
  }
  if (text === "boom") throw new Error("boom");
  if (text === "slow") await sleep(3000);
  if (text) await ctx.reply(text);
});

bot.catch((error) => {
  console.error(error.message);
  // Without this, the library answers 200, and nobody tries this update again.
  throw error;
});

await bot.api.setWebhook({ url: WEBHOOK_URL, secret_token: WEBHOOK_SECRET });
// It answers 200 after it has handled the update, and stops at SIGTERM.
const { pathname } = new URL(WEBHOOK_URL);
await startWebhook(bot, { hostname: "127.0.0.1", port: Number(PORT), path: pathname, secretToken: WEBHOOK_SECRET });
