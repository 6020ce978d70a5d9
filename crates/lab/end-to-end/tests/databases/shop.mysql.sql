CREATE TABLE posts (
  id INT PRIMARY KEY AUTO_INCREMENT,
  title VARCHAR(200) COMMENT 'a comment
INSERT INTO `posts` VALUES (9);',
  body LONGTEXT,
  data BLOB,
  letters INT GENERATED ALWAYS AS (CHAR_LENGTH(title)) STORED,
  KEY by_title (title)
);
CREATE TABLE `empty` (id INT PRIMARY KEY);
CREATE TABLE `a``b ünï` (id INT PRIMARY KEY, j JSON, post INT, FOREIGN KEY (post) REFERENCES posts (id));
CREATE TABLE blobs (id INT PRIMARY KEY, data LONGBLOB);
CREATE TABLE times (id INT PRIMARY KEY, at TIMESTAMP NULL, day DATE, price DECIMAL(20, 6), bits BIT(12), size ENUM('s', 'l'));
INSERT INTO posts (title, body, data) VALUES
  ('one', 'line one\nINSERT INTO `posts` VALUES (1);\nCREATE TABLE `x` (\n-- Dump completed\n', x'00ff0a2760'),
  ('tw''o \\ "', 'ünïcödé 漢字 🎉\t\r\n\0\Z', NULL),
  ('DELIMITER ;;', '', x'');
INSERT INTO posts (title, body, data)
  WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500),
    m AS (SELECT 0 AS j UNION ALL SELECT j + 1 FROM m WHERE j < 9)
  SELECT CONCAT('post ', i + 500 * j), REPEAT(CONCAT('INSERT INTO `empty` VALUES (', i, ');\n'), i % 7), UNHEX(SHA2(i + 500 * j, 256)) FROM n, m;
INSERT INTO `a``b ünï` VALUES (1, '{"a":[1,2]}', 1), (2, NULL, 2);
-- As text it is larger than a server takes without being told.
INSERT INTO blobs VALUES (1, REPEAT(x'ff00', 5 * 1024 * 1024));
INSERT INTO times VALUES (0, '2026-10-25 02:30:00', '0001-01-01', -0.000001, b'101', 'l');
CREATE VIEW seen AS SELECT title, 'a
INSERT INTO `posts` VALUES (7);' AS text FROM posts;
DELIMITER ;;
CREATE TRIGGER counted BEFORE INSERT ON posts FOR EACH ROW
BEGIN
  IF NEW.title = 'never' THEN
INSERT INTO `posts` VALUES (4);
INSERT INTO `empty` VALUES (4);
  END IF;
END;;
CREATE PROCEDURE fill()
BEGIN
INSERT INTO `empty` VALUES (1);
END;;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;;
CREATE EVENT sweep ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 00:00:00' DO DELETE FROM `empty`;;
DELIMITER ;
