import { readFile } from 'node:fs/promises';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { test } from 'tap';
import { OUTSIDE } from '../../src/db/apply-migrations.js';
import { faultsOf } from '../helpers/migration-rules.js';
import { readReleased } from '../helpers/released.js';

const Journal = Type.Object({
  entries: Type.Array(Type.Object({ tag: Type.String(), when: Type.Integer() })),
});

test('no migration since the release has a statement that stops the released version', async (t) => {
  const { migratedAt } = await readReleased();
  const journal = Value.Decode(
    Journal,
    JSON.parse(await readFile('drizzle/meta/_journal.json', 'utf8')),
  );
  const newer = journal.entries.filter(({ when }) => when > migratedAt);
  t.ok(
    journal.entries.some(({ when }) => when === migratedAt),
    'the last migration of the release exists',
  );
  for (const { tag } of newer)
    t.same(faultsOf(await readFile(`drizzle/${tag}.sql`, 'utf8')), [], tag);
});

const faulty: [statement: string, advice: RegExp][] = [
  ['CREATE INDEX "added" ON "spaces" ("name")', /CREATE INDEX CONCURRENTLY/],
  ['CREATE UNIQUE INDEX "added" ON "public"."spaces" USING btree ("name")', /CONCURRENTLY/],
  ['DROP INDEX "spaces_name_index"', /CONCURRENTLY/],
  ['CREATE INDEX CONCURRENTLY "added" ON "spaces" ("name")', /begins with "-- outside/],
  ['DROP TABLE "cursor_keys"', /next one/],
  ['ALTER TABLE "spaces" DROP COLUMN "description"', /next one/],
  ['ALTER TABLE "spaces" DROP CONSTRAINT "spaces_slug_check"', /next one/],
  ['ALTER TABLE "spaces" RENAME COLUMN "description" TO "about"', /write both/],
  ['ALTER TABLE "spaces" ALTER COLUMN "version" SET DATA TYPE bigint', /rewrites/],
  ['ALTER TABLE "spaces" ALTER COLUMN "description" SET NOT NULL', /NOT VALID/],
  ['ALTER TABLE "spaces" ADD COLUMN "added" text NOT NULL', /DEFAULT/],
  ['ALTER TABLE "spaces" ADD COLUMN "added" uuid DEFAULT gen_random_uuid() NOT NULL', /rewrites/],
  ['ALTER TABLE "spaces" ADD COLUMN "added" text GENERATED ALWAYS AS (name) STORED', /rewrites/],
  ['ALTER TABLE "spaces" ADD COLUMN "added" text UNIQUE', /NOT VALID/],
  ['ALTER TABLE "spaces" ADD CONSTRAINT "added" CHECK (version > 0)', /NOT VALID/],
  [
    'ALTER TABLE "spaces" ADD CONSTRAINT "added" FOREIGN KEY ("name") REFERENCES "members"("subject")',
    /NOT VALID/,
  ],
  ['ALTER TABLE "spaces" ADD CONSTRAINT "added" UNIQUE("name")', /USING INDEX/],
  ['UPDATE "spaces" SET name = slug', /batches/],
  [
    'ALTER TABLE "spaces" ADD COLUMN "added" text;--> statement-breakpoint\nALTER TABLE "spaces" VALIDATE CONSTRAINT "added"',
    /of its own/,
  ],
  [`${OUTSIDE}\nCREATE INDEX CONCURRENTLY "added" ON "spaces" ("name")`, /run again/],
  [`${OUTSIDE}\nALTER TABLE "spaces" ADD COLUMN "added" text`, /run again/],
  [
    'CREATE TABLE "added" ("id" uuid);--> statement-breakpoint\nALTER TABLE "added" ADD CONSTRAINT "added_fk" FOREIGN KEY ("id") REFERENCES "public"."namespaces"("id");--> statement-breakpoint\nCREATE INDEX "added_index" ON "added" ("id")',
    /put it last/,
  ],
];

test('a statement that stops the released version is reported with advice', (t) => {
  for (const [statement, advice] of faulty) {
    t.match(faultsOf(statement), [advice], statement);
  }
  t.end();
});

const harmless = [
  'CREATE TABLE "added" ("id" uuid NOT NULL);--> statement-breakpoint\nCREATE INDEX "added_index" ON "added" ("id");--> statement-breakpoint\nALTER TABLE "added" ADD CONSTRAINT "added_fk" FOREIGN KEY ("id") REFERENCES "public"."namespaces"("id")',
  'ALTER TABLE "spaces" ADD COLUMN "added" text',
  'ALTER TABLE "spaces" ADD COLUMN "added" integer DEFAULT 0 NOT NULL',
  'ALTER TABLE "spaces" ADD CONSTRAINT "added" CHECK (version > 0) NOT VALID',
  'ALTER TABLE "spaces" VALIDATE CONSTRAINT "added"',
  'ALTER TABLE "spaces" ALTER COLUMN "description" DROP NOT NULL',
  `${OUTSIDE}\nCREATE INDEX CONCURRENTLY IF NOT EXISTS "added" ON "spaces" ("name")`,
  '-- accepted: no statement of the previous version needs it\nALTER TABLE "namespace_slugs" DROP CONSTRAINT "namespace_slugs_fk"',
];

test('a harmless or accepted statement is not reported', (t) => {
  for (const statement of harmless) t.same(faultsOf(statement), [], statement);
  t.end();
});
