CREATE TABLE modern (
  id BINARY(16) PRIMARY KEY DEFAULT (UUID_TO_BIN(UUID())),
  j JSON NOT NULL DEFAULT (JSON_ARRAY()),
  hidden INT INVISIBLE DEFAULT 7,
  name VARCHAR(64) GENERATED ALWAYS AS (UPPER(j ->> '$.name')) VIRTUAL,
  spot POINT NOT NULL SRID 4326,
  moment DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  amount INT CHECK (amount > 0),
  bin VARBINARY(20),
  tags SET('a', 'b'),
  latin VARCHAR(20) CHARACTER SET latin1,
  KEY functional ((amount * 2)),
  KEY many ((CAST(j -> '$.tags' AS CHAR(20) ARRAY))),
  SPATIAL KEY (spot)
);
INSERT INTO modern (id, j, hidden, spot, moment, amount, bin, tags, latin) VALUES
  (x'00112233445566778899aabbccddeeff', '{"name": "ünï 🎉", "tags": ["x", "y"]}', 9,
   ST_SRID(POINT(1, 2), 4326), '2026-10-25 02:30:00.123456', 5, x'0aff0027', 'a,b', 'é');
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE keyless (n INT, text VARCHAR(20));
INSERT INTO keyless VALUES (1, 'a'), (2, 'b'), (2, 'b');
CREATE TABLE parts (day DATE NOT NULL, n INT, PRIMARY KEY (n, day)) PARTITION BY RANGE (YEAR(day))
  (PARTITION p25 VALUES LESS THAN (2026), PARTITION p26 VALUES LESS THAN MAXVALUE);
INSERT INTO parts SELECT DATE_ADD('2025-12-01', INTERVAL n DAY), n
  FROM (WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 60) SELECT n FROM s) AS days;
CREATE DEFINER = 'root'@'localhost' SQL SECURITY DEFINER VIEW others AS SELECT n FROM keyless;
CREATE ALGORITHM = MERGE DEFINER = 'tool'@'%' SQL SECURITY INVOKER VIEW nested AS SELECT MAX(n) AS n FROM others;
-- As text it is larger than the 64 MiB that MySQL takes without being told.
INSERT INTO blobs VALUES (2, REPEAT(x'ff0027', 11 * 1024 * 1024));
ANALYZE TABLE posts UPDATE HISTOGRAM ON title WITH 8 BUCKETS;
