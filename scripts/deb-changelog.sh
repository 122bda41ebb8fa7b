#!/bin/sh
# Writes debian/changelog for VERSION from the newest section of CHANGELOG.md on
# standard input, in lines as short as Debian wants them. Its date is
# SOURCE_DATE_EPOCH.
set -eu

# entries prints each "- " entry of the first section on one line.
entries() {
	awk '/^## / {section++; next}
		section != 1 {next}
		sub(/^- /, "") {if (entry) print entry; entry = $0; next}
		NF {sub(/^ +/, ""); entry = entry " " $0}
		END {if (entry) print entry}'
}

echo "edgeagent ($1) unstable; urgency=medium"
echo
entries | while IFS= read -r entry; do
	printf '%s\n' "$entry" | fold -s -w 74 | sed '1s/^/  * /; 2,$s/^/    /; s/ *$//'
done
echo
echo " -- edgeagent maintainers <maintainers@edgeagent.dev>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
