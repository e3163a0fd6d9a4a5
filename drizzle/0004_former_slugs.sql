CREATE TABLE "former_namespace_slugs" (
	"slug" text PRIMARY KEY NOT NULL,
	"held_by" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "former_space_slugs" (
	"namespace_id" uuid NOT NULL,
	"slug" text NOT NULL,
	"held_by" uuid NOT NULL,
	CONSTRAINT "former_space_slugs_namespace_id_slug_pk" PRIMARY KEY("namespace_id","slug")
);
--> statement-breakpoint
ALTER TABLE "former_namespace_slugs" ADD CONSTRAINT "former_namespace_slugs_held_by_namespaces_id_fk" FOREIGN KEY ("held_by") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "former_space_slugs" ADD CONSTRAINT "former_space_slugs_namespace_id_namespaces_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "public"."namespaces"("id") ON DELETE no action ON UPDATE no action;