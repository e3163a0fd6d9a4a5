DROP TABLE "former_namespace_slugs";--> statement-breakpoint
DROP INDEX "namespaces_deleted_index";--> statement-breakpoint
CREATE INDEX "namespaces_deleted_index" ON "namespaces" USING btree ("slug","deleted_at","id") WHERE "namespaces"."deleted_at" is not null;