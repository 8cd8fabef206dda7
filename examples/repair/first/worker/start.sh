#!/bin/sh
echo working
exec sleep 1000000
