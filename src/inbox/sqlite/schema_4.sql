-- The target of the bot behind the gateway, as JSON; NULL until the bot has called setWebhook there.
ALTER TABLE service ADD COLUMN target TEXT;
