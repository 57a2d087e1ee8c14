"""The life of a deployed stack: releases that are verified, raised by steps and watched, and the way back."""
