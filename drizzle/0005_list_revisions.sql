-- Two steps each: a random default of a new column would rewrite the table under an exclusive lock.
ALTER TABLE "namespaces" ADD COLUMN "revision" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "namespaces" ALTER COLUMN "revision" SET DEFAULT (random() * 2 ^ 53)::bigint;--> statement-breakpoint
ALTER TABLE "space_counters" ADD COLUMN "revision" bigint DEFAULT 0 NOT NULL;
