// A bot with Telegraf in webhook mode, for Doorbell.

import { setTimeout as sleep } from "node:timers/promises";
import { Markup, Telegraf } from "telegraf";
import { message } from "telegraf/filters";

const { BOT_TOKEN, PORT, TELEGRAM_API_URL, WEBHOOK_SECRET, WEBHOOK_URL } = process.env;
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAF0lEQVR42mNg+A+FFDKoZAzDqHuGlHsA8wL/AYF093AAAAAASUVORK5CYII=",
  "base64",
);

// With webhookReply, Telegraf would end the request at the first call, before the update is handled.
const bot = new Telegraf(BOT_TOKEN, { telegram: { apiRoot: TELEGRAM_API_URL, webhookReply: false } });

bot.start((ctx) => {
  const keyboard = Markup.inlineKeyboard([Markup.button.callback("Press me", "pressed")]);
  return ctx.reply("Send me a text, a photo or a file.", keyboard);
});

bot.action("pressed", async (ctx) => {
  await ctx.answerCbQuery();
  await ctx.editMessageText("You pressed the button.");
});

bot.command("photo", (ctx) => ctx.replyWithPhoto({ source: PICTURE, filename: "picture.png" }));

bot.on([message("document"), message("photo")], async (ctx) => {
  const url = await ctx.telegram.getFileLink(ctx.message.document ?? ctx.message.photo.at(-1));
  const answer = await fetch(url);
  await ctx.reply(`${(await answer.arrayBuffer()).byteLength} bytes`);
});

bot.on(message("text"), async (ctx) => {
  if (ctx.message.text === "boom") throw new Error("boom");
  if (ctx.message.text === "slow") await sleep(3000);
  await ctx.reply(ctx.message.text);
});

bot.catch((error, ctx) => {
  console.error(error.message);
  // Telegraf would answer 200, and nobody would try this update again.
  ctx.telegram.response.statusCode = 500;
});

const { host, pathname } = new URL(WEBHOOK_URL);
const webhook = { domain: host, path: pathname, host: "127.0.0.1", port: Number(PORT), secretToken: WEBHOOK_SECRET };
process.once("SIGTERM", () => bot.stop("SIGTERM"));
await bot.launch({ webhook });
