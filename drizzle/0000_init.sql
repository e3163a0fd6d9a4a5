CREATE TYPE "public"."member_role" AS ENUM('viewer', 'editor', 'owner');--> statement-breakpoint
CREATE TABLE "members" (
	"namespace_id" uuid NOT NULL,
	"subject" text NOT NULL,
	"role" "member_role" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "members_namespace_id_subject_pk" PRIMARY KEY("namespace_id","subject")
);
--> statement-breakpoint
CREATE TABLE "namespaces" (
	"id" uuid PRIMARY KEY NOT NULL,
	"slug" text NOT NULL,
	"name" text,
	"metadata" jsonb,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "namespaces_slug_check" CHECK (slug ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
	CONSTRAINT "namespaces_metadata_check" CHECK (jsonb_typeof(metadata) = 'object')
);
--> statement-breakpoint
CREATE TABLE "space_counters" (
	"namespace_id" uuid NOT NULL,
	"slot" smallint NOT NULL,
	"active" integer NOT NULL,
	CONSTRAINT "space_counters_namespace_id_slot_pk" PRIMARY KEY("namespace_id","slot")
);
--> statement-breakpoint
CREATE TABLE "spaces" (
	"namespace_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"description" text,
	"tags" jsonb NOT NULL,
	"metadata" jsonb,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	"item" text GENERATED ALWAYS AS ('{"id":"' || id::text || '","name":' || (jsonb_object(array['v'], array[name]) -> 'v')::text || ',"slug":"' || slug || '","description":' || (jsonb_object(array['v'], array[description]) -> 'v')::text || ',"tags":' || tags::text || '}') STORED NOT NULL,
	CONSTRAINT "spaces_namespace_id_id_pk" PRIMARY KEY("namespace_id","id"),
	CONSTRAINT "spaces_slug_check" CHECK (slug ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
	CONSTRAINT "spaces_metadata_check" CHECK (jsonb_typeof(metadata) = 'object'),
	CONSTRAINT "spaces_tags_check" CHECK (jsonb_typeof(tags) = 'array')
);
--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_namespace_id_namespaces_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "space_counters" ADD CONSTRAINT "space_counters_namespace_id_namespaces_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spaces" ADD CONSTRAINT "spaces_namespace_id_namespaces_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "members_subject_index" ON "members" USING btree ("subject","namespace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "namespaces_slug_unique" ON "namespaces" USING btree ("slug") WHERE "namespaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "namespaces_deleted_index" ON "namespaces" USING btree ("slug","deleted_at") WHERE "namespaces"."deleted_at" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "spaces_slug_unique" ON "spaces" USING btree ("namespace_id","slug") WHERE "spaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "spaces_active_index" ON "spaces" USING btree ("namespace_id","id") WHERE "spaces"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "spaces_deleted_index" ON "spaces" USING btree ("namespace_id","slug","deleted_at") WHERE "spaces"."deleted_at" is not null;