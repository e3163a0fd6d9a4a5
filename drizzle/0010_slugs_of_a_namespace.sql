-- outside a transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS "namespace_slugs_holder_index" ON "namespace_slugs" USING btree ("held_by");
