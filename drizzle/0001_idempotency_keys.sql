CREATE TABLE "idempotency_keys" (
	"namespace_id" uuid NOT NULL,
	"subject" text NOT NULL,
	"operation" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"answer" jsonb NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_namespace_id_subject_operation_key_pk" PRIMARY KEY("namespace_id","subject","operation","key")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry_index" ON "idempotency_keys" USING btree ("namespace_id","expires_at");