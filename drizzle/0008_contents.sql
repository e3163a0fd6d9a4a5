CREATE TYPE "public"."content_kind" AS ENUM('folders', 'episodes', 'assets');--> statement-breakpoint
CREATE TYPE "public"."episode_status" AS ENUM('running', 'completed', 'failed', 'archived');--> statement-breakpoint
CREATE TABLE "assets" (
	"namespace_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"episode_id" uuid,
	"folder_id" uuid,
	"local_path" text collate "C" NOT NULL,
	"deleted_from" text collate "C",
	"deleted_with_episode" boolean DEFAULT false NOT NULL,
	"kind" text NOT NULL,
	"uri" text NOT NULL,
	"content_type" text,
	"size_bytes" bigint,
	"checksum" text,
	"tags" jsonb NOT NULL,
	"metadata" jsonb,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone GENERATED ALWAYS AS (to_timestamp(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 1000.0)) STORED NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "assets_namespace_id_space_id_id_pk" PRIMARY KEY("namespace_id","space_id","id"),
	CONSTRAINT "assets_metadata_check" CHECK (jsonb_typeof(metadata) = 'object'),
	CONSTRAINT "assets_tags_check" CHECK (jsonb_typeof(tags) = 'array'),
	CONSTRAINT "assets_folder_check" CHECK (deleted_at is null or folder_id is null),
	CONSTRAINT "assets_container_check" CHECK (episode_id is null or folder_id is null),
	CONSTRAINT "assets_size_check" CHECK (size_bytes between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "content_counters" (
	"namespace_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"kind" "content_kind" NOT NULL,
	"slot" smallint NOT NULL,
	"active" integer NOT NULL,
	"revision" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "content_counters_namespace_id_space_id_kind_slot_pk" PRIMARY KEY("namespace_id","space_id","kind","slot")
);
--> statement-breakpoint
CREATE TABLE "episodes" (
	"namespace_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"tags" jsonb NOT NULL,
	"status" "episode_status" NOT NULL,
	"write_protected" boolean NOT NULL,
	"folder_id" uuid,
	"deleted_from" text collate "C",
	"metadata" jsonb,
	"assets_revision" bigint DEFAULT 0 NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone GENERATED ALWAYS AS (to_timestamp(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 1000.0)) STORED NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "episodes_namespace_id_space_id_id_pk" PRIMARY KEY("namespace_id","space_id","id"),
	CONSTRAINT "episodes_metadata_check" CHECK (jsonb_typeof(metadata) = 'object'),
	CONSTRAINT "episodes_tags_check" CHECK (jsonb_typeof(tags) = 'array'),
	CONSTRAINT "episodes_folder_check" CHECK (deleted_at is null or folder_id is null)
);
--> statement-breakpoint
CREATE TABLE "folder_trees" (
	"namespace_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"revision" bigint NOT NULL,
	CONSTRAINT "folder_trees_namespace_id_space_id_pk" PRIMARY KEY("namespace_id","space_id")
);
--> statement-breakpoint
CREATE TABLE "folders" (
	"namespace_id" uuid NOT NULL,
	"space_id" uuid NOT NULL,
	"id" uuid DEFAULT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
  placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
  52, 1), 53, 1), 'hex')::uuid NOT NULL,
	"path" text collate "C" NOT NULL,
	"metadata" jsonb,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "folders_namespace_id_space_id_id_pk" PRIMARY KEY("namespace_id","space_id","id"),
	CONSTRAINT "folders_metadata_check" CHECK (jsonb_typeof(metadata) = 'object'),
	CONSTRAINT "folders_path_check" CHECK (length(path) <= 1000
        and length(path) - length(replace(path, '/', '')) <= 16)
);
--> statement-breakpoint
CREATE UNIQUE INDEX "assets_path_unique" ON "assets" USING btree ("namespace_id","space_id",(coalesce(episode_id, folder_id, '00000000-0000-0000-0000-000000000000'::uuid)),(md5(local_path)::uuid)) WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_active_index" ON "assets" USING btree ("namespace_id","space_id","id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_deleted_index" ON "assets" USING btree ("namespace_id","space_id","id") WHERE "assets"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "assets_updated_index" ON "assets" USING btree ("namespace_id","space_id","updated_at","id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_name_index" ON "assets" USING btree ("namespace_id","space_id",(lower(regexp_replace(local_path, '^.*/', '')) collate "C"),"id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_episode_index" ON "assets" USING btree ("namespace_id","space_id","episode_id","id") WHERE "assets"."episode_id" is not null;--> statement-breakpoint
CREATE INDEX "assets_folder_index" ON "assets" USING btree ("namespace_id","space_id","folder_id","id") WHERE "assets"."folder_id" is not null;--> statement-breakpoint
CREATE INDEX "assets_local_path_index" ON "assets" USING btree ("namespace_id","space_id",(left(local_path, 600)),"id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_kind_index" ON "assets" USING btree ("namespace_id","space_id","kind","id") WHERE "assets"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "assets_checksum_index" ON "assets" USING btree ("namespace_id","space_id","checksum","id") WHERE "assets"."checksum" is not null;--> statement-breakpoint
CREATE INDEX "assets_search_index" ON "assets" USING gin ((space_id::text),(local_path collate "default") gin_trgm_ops,"tags" jsonb_path_ops,"metadata" jsonb_path_ops) WITH (gin_pending_list_limit=256);--> statement-breakpoint
CREATE UNIQUE INDEX "episodes_name_unique" ON "episodes" USING btree ("namespace_id","space_id","name");--> statement-breakpoint
CREATE INDEX "episodes_active_index" ON "episodes" USING btree ("namespace_id","space_id","id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "episodes_deleted_index" ON "episodes" USING btree ("namespace_id","space_id","id") WHERE "episodes"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "episodes_updated_index" ON "episodes" USING btree ("namespace_id","space_id","updated_at","id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "episodes_name_index" ON "episodes" USING btree ("namespace_id","space_id",(lower(name) collate "C"),"id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "episodes_status_index" ON "episodes" USING btree ("namespace_id","space_id","status","id") WHERE "episodes"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "episodes_folder_index" ON "episodes" USING btree ("namespace_id","space_id","folder_id","id");--> statement-breakpoint
CREATE INDEX "episodes_search_index" ON "episodes" USING gin ((space_id::text),(name || chr(31) || coalesce(description, '')) gin_trgm_ops,"tags" jsonb_path_ops,"metadata" jsonb_path_ops) WITH (gin_pending_list_limit=256);--> statement-breakpoint
CREATE UNIQUE INDEX "folders_path_unique" ON "folders" USING btree ("namespace_id","space_id",(md5(path)::uuid));--> statement-breakpoint
CREATE INDEX "folders_path_index" ON "folders" USING btree ("namespace_id","space_id",(left(path, 600)),"id");--> statement-breakpoint
CREATE INDEX "folders_parent_index" ON "folders" USING btree ("namespace_id","space_id",(md5(regexp_replace(path, '/[^/]*$', ''))::uuid),(left(path, 601)),"id");--> statement-breakpoint
ALTER TABLE "assets" ADD CONSTRAINT "assets_episode_fk" FOREIGN KEY ("namespace_id","space_id","episode_id") REFERENCES "public"."episodes"("namespace_id","space_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "assets" ADD CONSTRAINT "assets_folder_fk" FOREIGN KEY ("namespace_id","space_id","folder_id") REFERENCES "public"."folders"("namespace_id","space_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "episodes" ADD CONSTRAINT "episodes_folder_fk" FOREIGN KEY ("namespace_id","space_id","folder_id") REFERENCES "public"."folders"("namespace_id","space_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
-- Last, because they lock existing tables until the transaction ends.
ALTER TABLE "assets" ADD CONSTRAINT "assets_space_fk" FOREIGN KEY ("namespace_id","space_id") REFERENCES "public"."spaces"("namespace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "content_counters" ADD CONSTRAINT "content_counters_namespace_id_namespaces_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "episodes" ADD CONSTRAINT "episodes_space_fk" FOREIGN KEY ("namespace_id","space_id") REFERENCES "public"."spaces"("namespace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "folder_trees" ADD CONSTRAINT "folder_trees_space_fk" FOREIGN KEY ("namespace_id","space_id") REFERENCES "public"."spaces"("namespace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "folders" ADD CONSTRAINT "folders_space_fk" FOREIGN KEY ("namespace_id","space_id") REFERENCES "public"."spaces"("namespace_id","id") ON DELETE no action ON UPDATE no action;
