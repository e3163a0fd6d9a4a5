DROP INDEX "assets_kind_index";--> statement-breakpoint
DROP INDEX "episodes_status_index";--> statement-breakpoint
CREATE INDEX "assets_kind_index" ON "assets" USING btree ("namespace_id","space_id",(coalesce(kind, '')),"id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "episodes_status_index" ON "episodes" USING btree ("namespace_id","space_id",(coalesce(status, 'archived')),"id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
-- Without statistics the planner expects few rows of a value, and takes these indexes whatever the data is.
ALTER INDEX "assets_kind_index" ALTER COLUMN 3 SET STATISTICS 0;--> statement-breakpoint
ALTER INDEX "episodes_status_index" ALTER COLUMN 3 SET STATISTICS 0;
