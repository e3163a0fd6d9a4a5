-- For the inverted index of spaces. Both are "trusted": who may create in the database may install them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
CREATE EXTENSION IF NOT EXISTS btree_gin;
