#!/bin/sh
# Four trials at a time on this machine. Each takes a quarter of its processors; Ray starts and ends
# with the search. Needs: pip install "keras-hadamard[search,cluster]"
keras-hadamard search "${1:-digits_vqa}" --workers 4 --max-trials 40 --out runs/laptop
