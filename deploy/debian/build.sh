#!/usr/bin/env bash
# Builds dist/smsd_VERSION_ARCH.deb: smsd and all that it imports under /opt/smsd, as a virtual environment of Debian's
# own Python, with unit, user, directories and a first configuration. Installing it needs no network; building it does.
# The same commit gives the same package, as long as constraints.txt does.    usage: build.sh, after setup.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022

readonly python=$PWD/.venv/bin/python
readonly stage=$PWD/build/deb
readonly opt=$stage/opt/smsd
readonly doc=$stage/usr/share/doc/smsd
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
version=$("$python" -c 'import smsd; print(smsd.__version__)')
arch=$(dpkg --print-architecture)
readonly minor version arch site=$opt/lib/python$minor/site-packages

environment() { # not by `venv` and not by pip's scripts: those would carry this machine's paths
    install -d "$opt/bin" "$site"
    "$python" -m pip install -qq --disable-pip-version-check --root-user-action=ignore --no-compile \
        --only-binary :all: --constraint deploy/debian/constraints.txt --target "$site" \
        "dist/smsd-$version-py3-none-any.whl"
    rm -r "$site/bin"
    rm "$site/smsd-$version.dist-info/direct_url.json"
    sed -i '/^\.\.\/\|^bin\/\|direct_url\.json/d' "$site"/*.dist-info/RECORD
    printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$minor" >"$opt/pyvenv.cfg"
    ln -s "/usr/bin/python$minor" "$opt/bin/python3"
    cat >"$opt/bin/smsd" <<'END'
#!/opt/smsd/bin/python3 -I
import sys

from smsd.__main__ import main

sys.exit(main())
END
    chmod 755 "$opt/bin/smsd"
}

# Byte code now: neither smsd may write there nor should root, and each start would compile all anew. It names the time
# of its source, so that a file changed by hand is still noticed.
byte_code() {
    find "$opt" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
    "$python" -m compileall -q -j 2 --invalidation-mode timestamp -s "$stage" -p / "$site"
}

files() {
    install -d "$stage/usr/bin" "$stage/etc/smsd" "$doc"
    install -D -m 644 deploy/systemd/smsd.service "$stage/lib/systemd/system/smsd.service"
    install -D -m 644 deploy/systemd/smsd.sysusers "$stage/usr/lib/sysusers.d/smsd.conf"
    install -D -m 644 deploy/systemd/smsd.tmpfiles "$stage/usr/lib/tmpfiles.d/smsd.conf"
    install -m 640 deploy/debian/smsd.yaml "$stage/etc/smsd/smsd.yaml"
    ln -s /opt/smsd/bin/smsd "$stage/usr/bin/smsd"
    local shells=usr/share
    install -d "$stage/$shells"/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
    "$python" -m smsd completion bash >"$stage/$shells/bash-completion/completions/smsd"
    "$python" -m smsd completion zsh >"$stage/$shells/zsh/vendor-completions/_smsd"
    "$python" -m smsd completion fish >"$stage/$shells/fish/vendor_completions.d/smsd.fish"
    # as in the repository, so that their links to one another hold
    cp -r README.md CHANGELOG.md docs config "$doc"
    local example
    for example in deploy/prometheus deploy/grafana deploy/rabbitmq; do
        [ -d $example ] && cp -r --parents $example "$doc"
    done
    rm -f "$doc/deploy/rabbitmq/node.py" # the tests' private node
    find "$doc" -name __pycache__ -prune -exec rm -r {} +
    chmod -R u=rwX,go=rX "$doc"
}

# What is packed has to start, which on a Python that is new to it is not sure: it reads the configuration it comes with.
# Without the site-packages of this machine, and as the script that users call.
try_it() {
    "$python" -I -S -B - "$site" "$opt/bin/smsd" <<'END' || { echo "the packaged smsd does not run" >&2; exit 1; }
import runpy
import sys

site, script = sys.argv[1:]
sys.path.insert(0, site)
sys.argv = ["smsd", "check", "--config", "deploy/debian/smsd.yaml"]
runpy.run_path(script, run_name="__main__")
END
}

control() {
    install -d "$stage/DEBIAN"
    install -m 755 deploy/debian/{postinst,prerm,postrm} "$stage/DEBIAN"
    echo /etc/smsd/smsd.yaml >"$stage/DEBIAN/conffiles"
    sed -e "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@MINOR@/$minor/" \
        -e "s/@SIZE@/$(du -sk --apparent-size "$stage" | cut -f1)/" deploy/debian/control >"$stage/DEBIAN/control"
    (cd "$stage" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
}

rm -rf "$stage"
environment
byte_code
try_it
files
control
dpkg-deb --root-owner-group -Zzstd --build "$stage" "dist/smsd_${version}_$arch.deb" >/dev/null
rm -r "$stage"
echo "dist/smsd_${version}_$arch.deb"
