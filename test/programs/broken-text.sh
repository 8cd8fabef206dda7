#!/bin/sh
# broken-text.sh: an invalid UTF-8 byte, a character cut in two by a pause, and a last line without its newline.
printf 'bad \377 byte\n'
printf 'half \303'
sleep 0.05
printf '\251\n'
printf 'no newline'
