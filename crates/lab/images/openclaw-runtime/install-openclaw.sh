# Sourced by the prepare scripts of OpenClaw's images: each installs its own version from the npm registry.

install_openclaw() { # install_openclaw BUILD-FOLDER IMAGES-FOLDER VERSION
  . "$2/shared/node-app.sh"
  cd "$1"
  use_node24 "$1/node24"
  mkdir app && cd app
  echo '{ "private": true }' > package.json
  install_packages "openclaw@$3"
  # Its own installation script, and no other package's, must have run: the gateway refuses to start otherwise.
  npm rebuild --foreground-scripts openclaw >&2
  slim .
  rm -rf node_modules/typescript "$1/node24"
}
