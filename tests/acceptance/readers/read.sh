# Takes variables from files as a start script does. Arguments: the names of the
# variables, `--`, and the files. Each value is printed with a NUL behind it.

names=
while [ "$1" != -- ]; do
    names="$names $1"
    shift
done
shift
for file in "$@"; do
    unset $names
    . "$file"
    for name in $names; do
        # As a program that is started sees it.
        eval "printf '%s\\0' \"\${$name-unset}\""
    done
done
