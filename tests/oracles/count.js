// Counts the texts of a JSON array on standard input as twitter-text does, in the folder named first.
const path = require("path");
const twitter = require(path.join(process.argv[2], "node_modules", "twitter-text"));
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((text) => twitter.parseTweet(text).weightedLength)));
