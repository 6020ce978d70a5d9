CREATE EXTENSION hstore;
CREATE SCHEMA "Back Office";
CREATE TABLE posts (id serial PRIMARY KEY, title text NOT NULL, body text, data bytea, tags hstore,
  letters int GENERATED ALWAYS AS (length(title)) STORED);
CREATE TABLE "Back Office"."Tab	and \ and
line" (id int PRIMARY KEY, post int REFERENCES posts (id), at timestamptz DEFAULT now(), j jsonb);
CREATE TABLE empty (id int);
CREATE TABLE visits (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO posts (title, body, data, tags)
  SELECT 'post ' || i, repeat(E'INSERT INTO posts VALUES (1);\n\\.\n', i % 7) || 'ünï 漢字 🎉', sha256(i::text::bytea), 'a=>1'
  FROM generate_series(1, 5000) i;
INSERT INTO "Back Office"."Tab	and \ and
line" SELECT i, i, '2026-10-25 02:30:00+01', '{"a": [1, null]}' FROM generate_series(1, 300) i;
INSERT INTO visits SELECT date '2025-06-01' + i, i FROM generate_series(1, 400) i;
CREATE VIEW titles AS SELECT title FROM posts;
CREATE MATERIALIZED VIEW longest AS SELECT max(letters) AS letters FROM posts;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
CREATE TRIGGER guard BEFORE INSERT ON posts FOR EACH ROW WHEN (NEW.title = 'never') EXECUTE FUNCTION refuse();
SELECT lo_from_bytea(0, 'a large object');
