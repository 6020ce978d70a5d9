// Starts NocoDB as its own container image does: the dashboard and the API on one port.
const express = require('express');
const { Noco } = require('nocodb');

(async () => {
  const app = express();
  const server = app.listen(process.env.PORT || 8080, process.env.HOST || '0.0.0.0');
  app.use(await Noco.init({}, server, app));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
