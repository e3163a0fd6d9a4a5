-- outside a transaction
-- The new index is created before the old one is dropped. Without statistics the planner expects few rows per
-- value, and uses these indexes for any data.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "assets_kind_index_new" ON "assets" USING btree ("namespace_id","space_id",(coalesce(kind, '')),"id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
ALTER INDEX "assets_kind_index_new" ALTER COLUMN 3 SET STATISTICS 0;--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "assets_kind_index";--> statement-breakpoint
ALTER INDEX "assets_kind_index_new" RENAME TO "assets_kind_index";--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "episodes_status_index_new" ON "episodes" USING btree ("namespace_id","space_id",(coalesce(status, 'archived')),"id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
ALTER INDEX "episodes_status_index_new" ALTER COLUMN 3 SET STATISTICS 0;--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "episodes_status_index";--> statement-breakpoint
ALTER INDEX "episodes_status_index_new" RENAME TO "episodes_status_index";
