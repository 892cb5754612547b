// A bot with grammY in webhook mode, for Doorbell.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Bot, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const { BOT_TOKEN, PORT, TELEGRAM_API_URL, WEBHOOK_SECRET, WEBHOOK_URL } = process.env;
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII=",
  "base64",
);

const bot = new Bot(BOT_TOKEN, { client: { apiRoot: TELEGRAM_API_URL } });

bot.command("start", (ctx) => {
  const keyboard = new InlineKeyboard().text("Press me", "pressed");
  return ctx.reply("Send me a text, a photo or a file.", { reply_markup: keyboard });
});

bot.callbackQuery("pressed", async (ctx) => {
  await ctx.answerCallbackQuery();
  await ctx.editMessageText("You pressed the button.");
});

bot.command("photo", (ctx) => ctx.replyWithPhoto(new InputFile(PICTURE, "picture.png")));

bot.on(["message:document", "message:photo"], async (ctx) => {
  const file = await ctx.getFile();
  // grammY itself downloads no files, so this URL is the bot's own.
  const answer = await fetch(`${TELEGRAM_API_URL}/file/bot${BOT_TOKEN}/${file.file_path}`);
  await ctx.reply(`${(await answer.arrayBuffer()).byteLength} bytes`);
});

bot.on("message:text", async (ctx) => {
  if (ctx.message.text === "boom") throw new Error("boom");
  if (ctx.message.text === "slow") await sleep(3000);
  await ctx.reply(ctx.message.text);
});

// It answers 200 after it has handled the update. By default grammY gives up after 10 s.
const handle = webhookCallback(bot, "http", { secretToken: WEBHOOK_SECRET, timeoutMilliseconds: 55_000 });
const server = createServer(async (request, response) => {
  try {
    await handle(request, response);
  } catch (error) {
    // Without this, an error in a handler ends the process.
    console.error(error.message);
    response.writeHead(500).end();
  }
});
server.listen(Number(PORT), "127.0.0.1", () => bot.api.setWebhook(WEBHOOK_URL, { secret_token: WEBHOOK_SECRET }));
process.once("SIGTERM", () => server.close());
