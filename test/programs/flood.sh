#!/bin/sh
# flood.sh LINES: prints the numbers from 1 to LINES, one a line, as fast as it can.
exec seq "$1"
