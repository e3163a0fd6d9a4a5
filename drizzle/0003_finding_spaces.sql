CREATE TABLE "cursor_keys" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"key" text NOT NULL,
	CONSTRAINT "cursor_keys_one_check" CHECK (id = 1)
);
--> statement-breakpoint
DROP INDEX "spaces_deleted_index";--> statement-breakpoint
ALTER TABLE "spaces" ALTER COLUMN "created_at" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "spaces" drop column "created_at";--> statement-breakpoint
ALTER TABLE "spaces" ADD COLUMN "created_at" timestamp (3) with time zone GENERATED ALWAYS AS (to_timestamp(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 1000.0)) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "spaces_updated_index" ON "spaces" USING btree ("namespace_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "spaces_name_index" ON "spaces" USING btree ("namespace_id",(lower(name) collate "C"),"id");--> statement-breakpoint
CREATE INDEX "spaces_slug_index" ON "spaces" USING btree ("namespace_id",(slug collate "C"),"id");--> statement-breakpoint
CREATE INDEX "spaces_search_index" ON "spaces" USING gin ((namespace_id::text),(name || chr(31) || slug || chr(31) || coalesce(description, '')) gin_trgm_ops,"tags" jsonb_path_ops,"metadata" jsonb_path_ops) WITH (gin_pending_list_limit=256);--> statement-breakpoint
CREATE INDEX "spaces_deleted_index" ON "spaces" USING btree ("namespace_id","id") WHERE "spaces"."deleted_at" is not null;--> statement-breakpoint
-- Statements are planned once for all namespaces. Counting them, the planner would expect the average
-- one, of a few spaces, and read all of a large one to find a few in it.
ALTER TABLE "spaces" ALTER COLUMN "namespace_id" SET (n_distinct = 10);
