CREATE TABLE "namespace_slugs" (
	"slug" text PRIMARY KEY NOT NULL,
	"held_by" uuid NOT NULL,
	"freed_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "subject_counters" (
	"subject" text PRIMARY KEY NOT NULL,
	"memberships" integer NOT NULL,
	"created" integer NOT NULL,
	"created_max" integer,
	CONSTRAINT "subject_counters_quota_check" CHECK (created <= created_max)
);
--> statement-breakpoint
DROP INDEX "spaces_updated_index";--> statement-breakpoint
DROP INDEX "spaces_name_index";--> statement-breakpoint
DROP INDEX "spaces_slug_index";--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "created_by" text;--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "members" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "members_max" integer;--> statement-breakpoint
ALTER TABLE "space_counters" ADD COLUMN "active_max" integer;--> statement-breakpoint
ALTER TABLE "namespace_slugs" ADD CONSTRAINT "namespace_slugs_held_by_namespaces_id_fk" FOREIGN KEY ("held_by") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_restore_index" ON "idempotency_keys" USING btree ("subject","operation","key") WHERE operation like 'restoreNamespace %';--> statement-breakpoint
CREATE INDEX "members_order_index" ON "members" USING btree ("namespace_id","created_at","subject");--> statement-breakpoint
CREATE INDEX "spaces_deleted_updated_index" ON "spaces" USING btree ("namespace_id","updated_at","id") WHERE "spaces"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "spaces_deleted_name_index" ON "spaces" USING btree ("namespace_id",(lower(name) collate "C"),"id") WHERE "spaces"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "spaces_deleted_slug_index" ON "spaces" USING btree ("namespace_id",(slug collate "C"),"id") WHERE "spaces"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "spaces_restore_index" ON "spaces" USING btree ("namespace_id",(slug collate "C"),"deleted_at","id") WHERE "spaces"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "spaces_updated_index" ON "spaces" USING btree ("namespace_id","updated_at","id") WHERE "spaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "spaces_name_index" ON "spaces" USING btree ("namespace_id",(lower(name) collate "C"),"id") WHERE "spaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "spaces_slug_index" ON "spaces" USING btree ("namespace_id",(slug collate "C"),"id") WHERE "spaces"."deleted_at" is null;--> statement-breakpoint
ALTER TABLE "namespaces" ADD CONSTRAINT "namespaces_members_quota_check" CHECK (members <= members_max);--> statement-breakpoint
ALTER TABLE "space_counters" ADD CONSTRAINT "space_counters_quota_check" CHECK (active <= active_max);--> statement-breakpoint
-- What is there already: the slugs that namespaces have, had before a rename, and had when they were deleted.
INSERT INTO "namespace_slugs" (slug, held_by) SELECT slug, id FROM "namespaces" WHERE deleted_at IS NULL;--> statement-breakpoint
INSERT INTO "namespace_slugs" (slug, held_by, freed_at) SELECT slug, held_by, now() FROM "former_namespace_slugs"
ON CONFLICT (slug) DO NOTHING;--> statement-breakpoint
INSERT INTO "namespace_slugs" (slug, held_by, freed_at)
SELECT DISTINCT ON (slug) slug, id, deleted_at FROM "namespaces" WHERE deleted_at IS NOT NULL
ORDER BY slug, deleted_at DESC, id DESC
ON CONFLICT (slug) DO NOTHING;--> statement-breakpoint
-- The first owner counts as the one who created the namespace.
UPDATE "namespaces" SET
	members = (SELECT count(*) FROM "members" WHERE namespace_id = namespaces.id),
	created_by = (SELECT subject FROM "members" WHERE namespace_id = namespaces.id AND role = 'owner' ORDER BY created_at, subject LIMIT 1);--> statement-breakpoint
INSERT INTO "subject_counters" (subject, memberships, created)
SELECT subject, sum(membership), sum(creation) FROM (
	SELECT members.subject, 1 AS membership, 0 AS creation
	FROM "members" JOIN "namespaces" ON namespaces.id = members.namespace_id WHERE namespaces.deleted_at IS NULL
	UNION ALL
	SELECT created_by, 0, 1 FROM "namespaces" WHERE created_by IS NOT NULL AND deleted_at IS NULL
) AS one GROUP BY subject;
