/* SPDX-License-Identifier: MIT */
/* Built with every protection off, to see that binaries.sh notices each. */

int main(int argc, char **argv)
{
    return argv[argc] == 0 ? 0 : 1;
}
